//! Images and sounds as MCP has them.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;

/// The answer of a tool that shows one: its `data` becomes a block of its own, and is not sent a second and third time as text
/// and as structured content.
pub fn result(mut answer: Value) -> CallToolResult {
    let mime = answer
        .get("mime_type")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let data = answer.as_object_mut().and_then(|all| all.remove("data"));
    let mut result = CallToolResult::structured(answer);
    if let (Some(mime), Some(Value::String(data))) = (mime, data) {
        result.content.push(if mime.starts_with("audio/") {
            ContentBlock::audio(data, mime)
        } else {
            ContentBlock::image(data, mime)
        });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_data_is_sent_once_as_what_it_is() {
        for (mime, kind) in [("image/png", "image"), ("audio/wav", "audio")] {
            let answer = json!({"path": "a", "mime_type": mime, "data": "AAAA"});
            let result = serde_json::to_value(result(answer)).unwrap();
            assert_eq!(
                result["content"][1],
                json!({"type": kind, "data": "AAAA", "mimeType": mime})
            );
            assert_eq!(result.to_string().matches("AAAA").count(), 1);
            assert_eq!(
                result["structuredContent"],
                json!({"path": "a", "mime_type": mime})
            );
        }
    }
}
