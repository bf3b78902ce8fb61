//! What may be written down: arguments without secrets and without bulk.

use serde_json::{Map, Value};

/// Longest string kept in a redacted value, in characters.
const MAX_TEXT: usize = 200;
/// Most array items or object members kept.
const MAX_ITEMS: usize = 20;
/// Deepest level kept.
const MAX_DEPTH: usize = 6;
/// What stands for a secret.
pub const MASK: &str = "[redacted]";

/// Keys whose values are never kept, whatever they hold.
const SECRET_KEYS: [&str; 9] = [
    "token",
    "password",
    "passwd",
    "secret",
    "api_key",
    "apikey",
    "authorization",
    "credential",
    "private_key",
];
/// How well-known secrets start.
const SECRET_STARTS: [&str; 14] = [
    "syx_",
    "sya_",
    "syr_",
    "syc_",
    "whsec_",
    "sk-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "AKIA",
    "Bearer ",
];

/// A copy of `args` that is safe and small enough to keep. Of what stands at one of the paths in `content`, such as
/// `source.text` or `edits.new_text`, which lead through lists as if they were not there, only the size is kept.
pub fn arguments(args: &Map<String, Value>, content: &[&str]) -> Value {
    object(args, 0, content)
}

/// `text` with everything that looks like a secret masked.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let next = SECRET_STARTS
            .iter()
            .filter_map(|start| rest.find(start).map(|at| (at, start.len())))
            .min();
        let Some((at, len)) = next else {
            out.push_str(rest);
            return out;
        };
        let (before, from) = rest.split_at(at);
        let (start, tail) = from.split_at(len);
        let end = tail
            .find(|c: char| {
                !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '=' | '+' | '/'))
            })
            .unwrap_or(tail.len());
        out.push_str(before);
        // Short tails are words such as "sk-ip", not keys.
        if end >= 12 {
            out.push_str(MASK);
        } else {
            out.push_str(start);
            out.push_str(tail.get(..end).unwrap_or_default());
        }
        rest = tail.get(end..).unwrap_or_default();
    }
}

fn object(map: &Map<String, Value>, depth: usize, content: &[&str]) -> Value {
    map.iter()
        .take(MAX_ITEMS)
        .map(|(key, value)| {
            let lower = key.to_ascii_lowercase();
            let secret = value.is_string() && SECRET_KEYS.iter().any(|s| lower.contains(s));
            let below: Vec<&str> = content
                .iter()
                .filter_map(|path| path.strip_prefix(key.as_str())?.strip_prefix('.'))
                .collect();
            let kept = if secret {
                MASK.into()
            } else if content.contains(&key.as_str()) {
                size(value)
            } else {
                self::value(value, depth + 1, &below)
            };
            (key.clone(), kept)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// How much there is of what is not kept.
fn size(value: &Value) -> Value {
    match value {
        Value::String(s) => format!("({} bytes)", s.len()).into(),
        Value::Array(_) | Value::Object(_) => format!("({} bytes)", value.to_string().len()).into(),
        other => other.clone(),
    }
}

fn value(value: &Value, depth: usize, content: &[&str]) -> Value {
    match value {
        Value::String(s) => {
            let masked = text(s);
            match masked.char_indices().nth(MAX_TEXT) {
                Some((cut, _)) => format!(
                    "{}… ({} bytes)",
                    masked.get(..cut).unwrap_or_default(),
                    s.len()
                )
                .into(),
                None => masked.into(),
            }
        }
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => "…".into(),
        Value::Array(items) => items
            .iter()
            .take(MAX_ITEMS)
            .map(|v| self::value(v, depth + 1, content))
            .collect(),
        Value::Object(map) => object(map, depth, content),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_go_and_bulk_is_cut() {
        let args = json!({
            "api_key": "abc", "body": "x".repeat(1000), "note": "use syx_ABCDEFGHIJKLMNOP now",
            "headers": {"Authorization": "Bearer abcdefghijklmnop"}, "max_tokens": 5
        });
        let kept = arguments(args.as_object().unwrap(), &[]);
        assert_eq!(kept["api_key"], MASK);
        assert_eq!(kept["note"], "use [redacted] now");
        assert_eq!(kept["headers"]["Authorization"], MASK);
        assert_eq!(kept["max_tokens"], 5);
        assert!(kept["body"].as_str().unwrap().ends_with("… (1000 bytes)"));
    }

    #[test]
    fn of_content_only_the_size_is_kept() {
        let args = json!({
            "source": {"text": "a plan", "uri": "x"}, "query": "plan", "note": null,
            "documents": [{"text": "one", "name": "n"}, {"text": ["two"]}],
        });
        let content = ["source.text", "query", "documents.text", "note"];
        assert_eq!(
            arguments(args.as_object().unwrap(), &content),
            json!({
                "source": {"text": "(6 bytes)", "uri": "x"}, "query": "(4 bytes)", "note": null,
                "documents": [{"text": "(3 bytes)", "name": "n"}, {"text": "(7 bytes)"}],
            })
        );
    }

    #[test]
    fn words_that_only_start_like_a_key_stay() {
        assert_eq!(text("sk-ip this AKIA"), "sk-ip this AKIA");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(s in "\\PC{0,200}") { text(&s); }
    }
}
