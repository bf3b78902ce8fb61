//! The JSON Schema of config.toml, for editors.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Common, File, Servers};

/// JSON Schema 2020-12 of the configuration file.
pub fn schema() -> Value {
    let mut root = of::<File>();
    let mut servers = Map::new();
    for (name, mut section) in Servers::schemas() {
        let common = of::<Common>();
        let own = section.get_mut("properties").and_then(Value::as_object_mut);
        if let (Some(own), Some(common)) =
            (own, common.get("properties").and_then(Value::as_object))
        {
            own.extend(common.clone());
        }
        servers.insert(name.to_owned(), section);
    }
    if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
        let about = "The seven servers.";
        let section = json!({
            "description": about, "type": "object", "properties": servers, "additionalProperties": false,
        });
        properties.insert("servers".into(), section);
    }
    if let Some(root) = root.as_object_mut() {
        root.insert("title".into(), "config.toml of Syndarix".into());
        root.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
    }
    root
}

/// The schema of one section.
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, show};

    /// Every setting that there is by default is in the schema, with what it is for.
    #[test]
    fn every_setting_is_described() {
        let schema = schema();
        let settings = Settings::default();
        let shown = show(&settings, "", "config.toml", false).unwrap();
        assert!(shown.len() > 60, "{}", shown.len());
        for setting in shown {
            let mut at = &schema;
            for key in setting.key.split('.') {
                at = &at["properties"][key];
            }
            let about = at["description"].as_str().unwrap_or_default();
            assert!(about.len() > 5, "{}: {at}", setting.key);
        }
        assert_eq!(
            schema["properties"]["servers"]["additionalProperties"],
            false
        );
        assert_eq!(schema["additionalProperties"], false);
    }
}
