//! The resources and the template.

use rmcp::{
    ErrorData,
    model::{ReadResourceResult, Resource, ResourceTemplate},
};
use serde_json::json;

use crate::answers::{PNG, complete, typed};

/// All resources.
pub fn list() -> Vec<Resource> {
    let resources = [
        ("test://static-text", "static-text", "text/plain"),
        ("test://static-binary", "static-binary", "image/png"),
        ("test://watched-resource", "watched-resource", "text/plain"),
    ];
    resources
        .into_iter()
        .map(|(uri, name, kind)| {
            let about = format!("{name}, for the conformance suite");
            typed(json!({"uri": uri, "name": name, "description": about, "mimeType": kind}))
        })
        .collect()
}

/// The one template.
pub fn templates() -> Vec<ResourceTemplate> {
    vec![typed(json!({
        "uriTemplate": "test://template/{id}/data",
        "name": "template",
        "description": "template, for the conformance suite",
        "mimeType": "application/json",
    }))]
}

/// What stands at `uri`.
pub fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let templated = uri
        .strip_prefix("test://template/")
        .and_then(|rest| rest.strip_suffix("/data"));
    let (kind, key, content) = match (uri, templated) {
        ("test://static-text", _) => (
            "text/plain",
            "text",
            "This is the content of the static text resource.".to_owned(),
        ),
        ("test://static-binary", _) => ("image/png", "blob", PNG.to_owned()),
        ("test://watched-resource", _) => ("text/plain", "text", "Watched.".to_owned()),
        (_, Some(id)) => {
            let data =
                json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            ("application/json", "text", data.to_string())
        }
        _ => {
            let data = json!({"uri": uri});
            return Err(ErrorData::resource_not_found(
                "Resource not found",
                Some(data),
            ));
        }
    };
    let content = json!({"uri": uri, "mimeType": kind, key: content});
    Ok(complete(json!({"contents": [content]})))
}
