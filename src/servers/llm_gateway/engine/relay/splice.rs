//! Changes a JSON body where it must be changed, and nowhere else.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::super::dialect::BadRequest;

/// `body` with another model and, where `force_include_usage`, with the wish for usage at the end of its stream.
///
/// All other values stay as they were written, in their order; space between members goes. A second `model` or `stream_options`
/// does not go out.
pub fn rewrite(body: &[u8], model: &str, force_include_usage: bool) -> Result<Bytes, BadRequest> {
    let members: Members<'_> = serde_json::from_slice(body)
        .map_err(|error| BadRequest::new("", format!("the body is no JSON object: {error}")))?;
    let mut out = String::with_capacity(body.len() + model.len() + 48);
    let mut model = Some(quoted(model));
    let mut options = force_include_usage.then(|| {
        let last = members.0.iter().rfind(|(key, _)| key == "stream_options");
        with_usage(last.map_or("{}", |(_, options)| options.get()))
    });
    for (key, value) in &members.0 {
        let new = match &**key {
            "model" => model.take(),
            "stream_options" if force_include_usage => options.take(),
            key => {
                write(&mut out, key, value.get());
                None
            }
        };
        if let Some(new) = new {
            write(&mut out, key, &new);
        }
    }
    if let Some(model) = model {
        write(&mut out, "model", &model);
    }
    if let Some(options) = options {
        write(&mut out, "stream_options", &options);
    }
    out.push('}');
    Ok(out.into())
}

/// `body` without the member `name`; as it is where it is no object.
pub fn without(body: &Bytes, name: &str) -> Bytes {
    let Ok(members) = serde_json::from_slice::<Members<'_>>(body) else {
        return body.clone();
    };
    let mut out = String::with_capacity(body.len());
    for (key, value) in members.0.iter().filter(|(key, _)| key != name) {
        write(&mut out, key, value.get());
    }
    out.push_str(if out.is_empty() { "{}" } else { "}" });
    out.into()
}

/// Stream options that ask for usage.
fn with_usage(options: &str) -> String {
    let mut out = String::new();
    let members: Option<Members<'_>> = serde_json::from_str(options).ok();
    for (key, value) in members.iter().flat_map(|members| &members.0) {
        if key != "include_usage" {
            write(&mut out, key, value.get());
        }
    }
    write(&mut out, "include_usage", "true");
    out.push('}');
    out
}

/// Adds a member to an object that is being written.
fn write(out: &mut String, key: &str, value: &str) {
    out.push(if out.is_empty() { '{' } else { ',' });
    out.push_str(&quoted(key));
    out.push(':');
    out.push_str(value);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The members of an object, in their order, their values as they were written.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A key, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        object.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn spliced(body: &str, usage: bool) -> String {
        let out = rewrite(body.as_bytes(), "new \"m\"", usage).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let body = r#" { "a" : 1.50 , "model":"old", "b": { "x" : [1e3,  "\u00e9"] }, "c\n": 12345678901234567890123 } "#;
        assert_eq!(
            spliced(body, false),
            r#"{"a":1.50,"model":"new \"m\"","b":{ "x" : [1e3,  "\u00e9"] },"c\n":12345678901234567890123}"#
        );
        assert_eq!(
            spliced(r#"{"model":1,"model":2}"#, false),
            r#"{"model":"new \"m\""}"#
        );
        assert!(rewrite(b"[1]", "m", false).is_err() && rewrite(b"{", "m", false).is_err());
    }

    #[test]
    fn usage_is_asked_for_among_the_other_options() {
        for (options, expected) in [
            ("{}", r#"{"include_usage":true}"#),
            ("null", r#"{"include_usage":true}"#),
            (
                r#"{"include_usage":false,"include_obfuscation":false}"#,
                r#"{"include_obfuscation":false,"include_usage":true}"#,
            ),
        ] {
            assert_eq!(
                spliced(
                    &format!(r#"{{"stream_options":{options},"model":"m","z":1}}"#),
                    true
                ),
                format!(r#"{{"stream_options":{expected},"model":"new \"m\"","z":1}}"#)
            );
        }
        assert_eq!(
            spliced(r#"{"stream_options":{"a":1}}"#, false),
            r#"{"stream_options":{"a":1},"model":"new \"m\""}"#
        );
    }

    #[test]
    fn a_member_can_be_left_out() {
        for (body, left) in [
            (r#"{"a":1, "x":{"a":2},"a":3}"#, r#"{"x":{"a":2}}"#),
            (r#"{"a":1}"#, "{}"),
            ("[1]", "[1]"),
        ] {
            assert_eq!(without(&Bytes::from(body), "a"), left);
        }
    }

    proptest! {
        #[test]
        fn only_the_model_changes(members in prop::collection::btree_map("[a-z\"\\\\é]{1,4}", "\\PC{0,9}", 0..6), model in "\\PC{1,9}") {
            let mut body = json!(members);
            body["model"] = json!("old");
            let out = rewrite(body.to_string().as_bytes(), &model, false).unwrap();
            body["model"] = json!(model);
            prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), body);
        }
    }
}
