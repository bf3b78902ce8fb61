//! Lists of models. <https://platform.openai.com/docs/api-reference/models>, <https://docs.anthropic.com/en/api/models-list>

use serde_json::{Value, json};

use super::Dialect;

/// What a list says of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// The name to ask for it by.
    pub id: String,
    /// The provider.
    pub owned_by: String,
    /// Seconds since the Unix epoch; 0 if nobody knows.
    pub created_s: i64,
}

/// Writes all models, on one page.
pub fn write_models(dialect: Dialect, items: &[ModelInfo]) -> Value {
    let data: Vec<Value> = items
        .iter()
        .map(|item| write_model(dialect, item))
        .collect();
    match dialect {
        Dialect::Openai | Dialect::Responses => json!({ "object": "list", "data": data }),
        Dialect::Anthropic => json!({
            "data": data,
            "has_more": false,
            "first_id": items.first().map(|item| &item.id),
            "last_id": items.last().map(|item| &item.id),
        }),
    }
}

/// Writes one model.
pub fn write_model(dialect: Dialect, item: &ModelInfo) -> Value {
    match dialect {
        Dialect::Openai | Dialect::Responses => json!({
            "id": item.id,
            "object": "model",
            "created": item.created_s,
            "owned_by": item.owned_by,
        }),
        Dialect::Anthropic => json!({
            "type": "model",
            "id": item.id,
            "display_name": item.id,
            "created_at": jiff::Timestamp::from_second(item.created_s).unwrap_or_default().to_string(),
            "lifecycle": "active",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects_list_models() {
        let models = ["a", "b"].map(|id| ModelInfo {
            id: id.into(),
            owned_by: "acme".into(),
            created_s: 1_700_000_000,
        });
        let openai = write_models(Dialect::Openai, &models);
        assert_eq!(
            openai["data"][1],
            json!({ "id": "b", "object": "model", "created": 1_700_000_000, "owned_by": "acme" })
        );
        let anthropic = write_models(Dialect::Anthropic, &models);
        assert_eq!(anthropic["data"][0]["created_at"], "2023-11-14T22:13:20Z");
        assert_eq!(
            (&anthropic["first_id"], &anthropic["last_id"]),
            (&json!("a"), &json!("b"))
        );
        assert_eq!(
            write_models(Dialect::Anthropic, &[])["first_id"],
            Value::Null
        );
    }
}
