//! Listens to what is relayed: usage, the reason of the end, and whether there is content, at the cost of one pass that keeps nothing
//! but the text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        chat::{Finish, Usage},
        prices::Mode,
        upstream::{Operation, Tally},
    },
    usage,
};

/// What has been heard of an answer.
#[derive(Debug, Default)]
pub struct Hearing {
    pub tally: Tally,
    /// All text so far, for an answer that breaks off.
    pub text: String,
    /// Whether there has been content.
    pub content: bool,
    /// Whether the event has come that ends the dialect's stream.
    pub done: bool,
    anthropic: usage::Anthropic,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Something before, between or after the content.
    Frame,
    Content,
    /// A chunk that was only sent because usage was asked for.
    UsageOnly,
    Error,
}

impl Hearing {
    /// Listens to one event of a stream.
    pub fn event(&mut self, operation: Operation, name: &str, data: &str) -> Heard {
        if data.trim().is_empty() {
            return Heard::Frame; // Some servers keep the connection open like this.
        }
        let heard = match operation {
            Operation::Messages | Operation::CountTokens => self.messages(data),
            Operation::Responses => self.responses(data),
            Operation::ChatCompletions | Operation::Embeddings => self.completions(name, data),
        };
        // What cannot be read goes to the caller as it is, so it has to count as content.
        let heard = heard.unwrap_or(Heard::Content);
        self.content |= heard == Heard::Content;
        heard
    }

    /// Whether the answer is whole, should nothing more come.
    pub fn is_whole(&self, operation: Operation) -> bool {
        // Some servers that are compatible with OpenAI leave out `[DONE]`.
        self.done || (operation == Operation::ChatCompletions && self.tally.finish.is_some())
    }

    fn completions(&mut self, name: &str, data: &str) -> Option<Heard> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Some(Heard::Frame);
        }
        let chunk: Chunk<'_> = serde_json::from_str(data).ok()?;
        if chunk.error.is_some() || name == "error" || chunk.object.as_deref() == Some("error") {
            return Some(Heard::Error);
        }
        let choices = chunk.choices.unwrap_or_default();
        let only = choices.is_empty() && chunk.usage.is_some();
        if let Some(usage) = chunk.usage {
            self.tally.usage = usage.into();
        }
        self.tally.mode = chunk.service_tier.or(self.tally.mode);
        let mut heard = if only { Heard::UsageOnly } else { Heard::Frame };
        for choice in choices {
            if let Some(reason) = choice.finish_reason {
                self.tally.finish = Some(of_openai(&reason));
            }
            let Some(delta) = choice.delta else { continue };
            if delta.has_content() {
                heard = Heard::Content;
            }
            self.say(delta.content.or(delta.refusal));
        }
        Some(heard)
    }

    fn responses(&mut self, data: &str) -> Option<Heard> {
        let event: ResponsesEvent<'_> = serde_json::from_str(data).ok()?;
        match &*event.kind {
            "error" | "response.failed" => return Some(Heard::Error),
            "response.completed" | "response.incomplete" => {
                self.done = true;
                let response = event.response.unwrap_or_default();
                self.tally = response.tally();
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                self.say(event.delta);
                return Some(Heard::Content);
            }
            kind if kind.ends_with(".delta") => return Some(Heard::Content),
            _ => {}
        }
        Some(Heard::Frame)
    }

    fn messages(&mut self, data: &str) -> Option<Heard> {
        let event: MessagesEvent<'_> = serde_json::from_str(data).ok()?;
        let delta = event.delta.unwrap_or_default();
        let heard = match &*event.kind {
            "error" => Heard::Error,
            "content_block_delta" => {
                self.say(delta.text);
                Heard::Content
            }
            // Results of the provider's own tools come whole.
            "content_block_start" => match event.content_block.as_ref().map(|block| &*block.kind) {
                Some("text" | "thinking" | "tool_use" | "server_tool_use") | None => Heard::Frame,
                Some(_) => Heard::Content,
            },
            "message_stop" => {
                self.done = true;
                Heard::Frame
            }
            _ => Heard::Frame,
        };
        let message = event.message.unwrap_or_default();
        for usage in [message.usage, event.usage].into_iter().flatten() {
            self.anthropic.update(usage);
            self.tally.usage = self.anthropic.into();
            self.tally.mode = self.anthropic.mode();
        }
        if let Some(reason) = delta.stop_reason.or(message.stop_reason) {
            self.tally.finish = Some(of_anthropic(&reason));
        }
        Some(heard)
    }

    fn say(&mut self, text: Option<&RawValue>) {
        if let Some(Text(text)) = text.and_then(|text| serde_json::from_str(text.get()).ok()) {
            self.text.push_str(&text);
        }
    }
}

/// Listens to an answer that came whole; none where it is an error in spite of its status, or no JSON.
pub fn whole(operation: Operation, body: &[u8]) -> Option<Tally> {
    match operation {
        Operation::ChatCompletions | Operation::Embeddings => {
            let chunk: Chunk<'_> = serde_json::from_slice(body).ok()?;
            let reason = chunk
                .choices
                .and_then(|choices| choices.into_iter().next()?.finish_reason);
            let tally = Tally {
                usage: chunk.usage.map(Usage::from).unwrap_or_default(),
                finish: reason.as_deref().map(of_openai),
                mode: chunk.service_tier,
            };
            chunk.error.is_none().then_some(tally)
        }
        Operation::Responses => {
            let response: Response<'_> = serde_json::from_slice(body).ok()?;
            response.error.is_none().then(|| response.tally())
        }
        Operation::Messages | Operation::CountTokens => {
            let message: Message = serde_json::from_slice(body).ok()?;
            let tally = Tally {
                usage: message.usage.map(Usage::from).unwrap_or_default(),
                finish: message.stop_reason.as_deref().map(of_anthropic),
                mode: message.usage.and_then(|usage| usage.mode()),
            };
            (message.kind.as_deref() != Some("error")).then_some(tally)
        }
    }
}

fn of_openai(reason: &str) -> Finish {
    match reason {
        "stop" => Finish::Stop,
        "length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

fn of_anthropic(reason: &str) -> Finish {
    match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

/// A string, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A chunk of a chat completion, a whole one, or embeddings.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<usage::Openai>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    object: Option<String>,
    #[serde(default, deserialize_with = "usage::tier")]
    service_tier: Option<Mode>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
}

impl Delta<'_> {
    fn has_content(&self) -> bool {
        let parts = [
            self.content,
            self.refusal,
            self.reasoning_content,
            self.reasoning,
            self.tool_calls,
            self.function_call,
            self.audio,
        ];
        let said = |part: &RawValue| !matches!(part.get(), "\"\"" | "[]" | "{}" | "null");
        parts.into_iter().flatten().any(said)
    }
}

#[derive(Deserialize)]
struct ResponsesEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
}

#[derive(Default, Deserialize)]
struct Response<'a> {
    status: Option<String>,
    usage: Option<usage::Responses>,
    incomplete_details: Option<Incomplete>,
    output: Option<Vec<Item>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "usage::tier")]
    service_tier: Option<Mode>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Response<'_> {
    fn tally(self) -> Tally {
        let reason = self.incomplete_details.and_then(|details| details.reason);
        let output = self.output.unwrap_or_default();
        let calls = |item: &Item| {
            matches!(
                item.kind.as_deref(),
                Some("function_call" | "custom_tool_call")
            )
        };
        let finish = match (self.status.as_deref(), reason.as_deref()) {
            (Some("completed"), _) if output.iter().any(calls) => Some(Finish::ToolCalls),
            (Some("completed"), _) => Some(Finish::Stop),
            (Some("incomplete"), Some("max_output_tokens")) => Some(Finish::Length),
            (Some("incomplete"), Some("content_filter")) => Some(Finish::ContentFilter),
            (Some("incomplete"), _) => Some(Finish::Other),
            _ => None,
        };
        Tally {
            usage: self.usage.map(Usage::from).unwrap_or_default(),
            finish,
            mode: self.service_tier,
        }
    }
}

#[derive(Deserialize)]
struct MessagesEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    delta: Option<MessagesDelta<'a>>,
    content_block: Option<Block>,
    message: Option<Message>,
    usage: Option<usage::Anthropic>,
}

#[derive(Default, Deserialize)]
struct MessagesDelta<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default, Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: Option<String>,
    usage: Option<usage::Anthropic>,
    stop_reason: Option<String>,
}
