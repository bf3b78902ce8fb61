//! The tools, and the answers of those that ask nobody.

use rmcp::model::{CallToolRequestParams, CallToolResult, Tool};
use serde_json::{Value, json};

use crate::answers::{WAV, complete, image, resource, text, typed};

/// Tools without arguments.
const PLAIN: [&str; 24] = [
    // The suite calls the first one by itself.
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_tool_with_progress",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_reconnection",
    "test_missing_capability",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_streaming_elicitation",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];

/// All tools, in an order that does not change.
pub fn list() -> Vec<Tool> {
    let plain = PLAIN.map(|name| (name, json!({"type": "object", "properties": {}})));
    let arguments = [
        ("test_sampling", one_string("prompt")),
        ("test_elicitation", one_string("message")),
        ("test_custom_header", header_argument()),
        ("json_schema_2020_12_tool", rich_schema()),
    ];
    plain
        .into_iter()
        .chain(arguments)
        .map(|(name, schema)| {
            let about = format!("{name}, for the conformance suite");
            typed(json!({"name": name, "description": about, "inputSchema": schema}))
        })
        .collect()
}

fn one_string(name: &str) -> Value {
    json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]})
}

fn header_argument() -> Value {
    let region = json!({"type": "string", "x-mcp-header": "Region"});
    json!({"type": "object", "properties": {"region": region}, "required": ["region"]})
}

/// Keywords of JSON Schema 2020-12 that must reach the client as they are.
fn rich_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

/// A result of one text.
pub fn said(words: &str) -> CallToolResult {
    complete(json!({"content": [text(words)]}))
}

/// The answer of a tool that needs nothing but its name.
pub fn call(request: &CallToolRequestParams) -> Option<CallToolResult> {
    let content = match &*request.name {
        "test_simple_text" => vec![text("This is a simple text response for testing.")],
        "test_image_content" => vec![image()],
        "test_audio_content" => {
            vec![json!({"type": "audio", "data": WAV, "mimeType": "audio/wav"})]
        }
        "test_embedded_resource" => vec![resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )],
        "test_multiple_content_types" => vec![
            text("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ],
        "test_error_handling" => {
            let message = text("This tool intentionally returns an error for testing");
            return Some(complete(json!({"isError": true, "content": [message]})));
        }
        "test_custom_header"
        | "json_schema_2020_12_tool"
        | "test_trigger_tool_change"
        | "test_trigger_prompt_change" => vec![text("done")],
        _ => return None,
    };
    Some(complete(json!({"content": content})))
}
