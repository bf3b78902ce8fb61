//! The prompts.

use rmcp::{
    ErrorData,
    model::{GetPromptRequestParams, GetPromptResult, Prompt},
};
use serde_json::{Value, json};

use crate::answers::{complete, image, resource, text, typed, unknown};

/// All prompts.
pub fn list() -> Vec<Prompt> {
    let prompts: [(&str, &[&str]); 5] = [
        ("test_simple_prompt", &[]),
        ("test_prompt_with_arguments", &["arg1", "arg2"]),
        ("test_prompt_with_embedded_resource", &["resourceUri"]),
        ("test_prompt_with_image", &[]),
        ("test_input_required_result_prompt", &[]),
    ];
    prompts
        .iter()
        .map(|(name, arguments)| {
            let arguments: Vec<Value> = arguments
                .iter()
                .map(|argument| json!({"name": argument, "description": "a string", "required": true}))
                .collect();
            let about = format!("{name}, for the conformance suite");
            typed(json!({"name": name, "description": about, "arguments": arguments}))
        })
        .collect()
}

/// The messages of one prompt.
pub fn get(request: &GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
    let argument = |name: &str| {
        let given = request.arguments.as_ref().and_then(|a| a.get(name));
        given
            .and_then(Value::as_str)
            .ok_or_else(|| ErrorData::invalid_params(format!("{name} is missing"), None))
    };
    let contents = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => vec![text(format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            argument("arg1")?,
            argument("arg2")?
        ))],
        "test_prompt_with_embedded_resource" => vec![
            resource(
                argument("resourceUri")?,
                "text/plain",
                "Embedded resource content for testing.",
            ),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => vec![image(), text("Please analyze the image above.")],
        "test_input_required_result_prompt" => vec![text(format!(
            "With the context: {}",
            json!(request.input_responses)
        ))],
        other => return Err(unknown("prompt", other)),
    };
    let messages: Vec<Value> = contents
        .into_iter()
        .map(|content| json!({"role": "user", "content": content}))
        .collect();
    Ok(complete(json!({"messages": messages})))
}
