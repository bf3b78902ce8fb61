//! An answer as genai gives it: whole, or piece by piece.

use futures::StreamExt;
use genai::chat::{self as foreign, ChatStream, ChatStreamEvent, ContentPart, StopReason};
use serde_json::Value;

use super::super::{
    chat::{ChatAnswer, Finish, Part, Piece, ToolCall, Usage},
    failure::{Failure, Kind, Partial},
    upstream::Pieces,
};
use crate::base::ids::new_id;

/// An answer that came whole.
pub fn whole(answer: foreign::ChatResponse) -> ChatAnswer {
    let mut parts = Parts::default();
    let (usage, finish) = (usage(&answer.usage), finish(answer.stop_reason.as_ref()));
    let model = answer.provider_model_iden.model_name.to_string();
    if let Some(thoughts) = answer.reasoning_content {
        parts.thinking(thoughts);
    }
    for part in answer.content {
        match part {
            ContentPart::Text(text) => drop(parts.text(text)),
            ContentPart::ReasoningContent(text) => drop(parts.thinking(text)),
            ContentPart::ThoughtSignature(signature) => drop(parts.signature(signature)),
            ContentPart::ToolCall(call) => drop(parts.call(call)),
            _ => {}
        }
    }
    parts.answer(finish, usage, Some(model))
}

/// An answer that comes piece by piece.
pub async fn hear(
    mut stream: ChatStream,
    pieces: Option<Pieces>,
    failed: impl Fn(&genai::Error) -> Failure,
) -> Result<ChatAnswer, Failure> {
    let mut parts = Parts::default();
    while let Some(event) = stream.next().await {
        let new = match event {
            Ok(ChatStreamEvent::Chunk(chunk)) => parts.text(chunk.content),
            Ok(ChatStreamEvent::ReasoningChunk(chunk)) => parts.thinking(chunk.content),
            Ok(ChatStreamEvent::ThoughtSignatureChunk(chunk)) => parts.signature(chunk.content),
            Ok(ChatStreamEvent::ToolCallChunk(chunk)) => parts.call(chunk.tool_call),
            Ok(ChatStreamEvent::End(end)) => {
                let usage = end.captured_usage.as_ref().map(usage).unwrap_or_default();
                // For Gemini, genai makes up an end where the stream broke off: it has no reason.
                let Some(reason) = end.captured_stop_reason else {
                    return Err(parts.broken(truncated(), usage));
                };
                give(pieces.as_ref(), parts.without_arguments()).await;
                return Ok(parts.answer(finish(Some(&reason)), usage, None));
            }
            Ok(_) => Vec::new(),
            Err(error) => return Err(parts.broken(failed(&error), Usage::default())),
        };
        give(pieces.as_ref(), new).await;
    }
    Err(parts.broken(truncated(), Usage::default()))
}

async fn give(pieces: Option<&Pieces>, new: Vec<Piece>) {
    let Some(pieces) = pieces else { return };
    for piece in new {
        // Without a reader the answer still has all of it.
        let _ = pieces.send(piece).await;
    }
}

fn truncated() -> Failure {
    Failure::new(Kind::Truncated, "the answer broke off before its end")
}

/// What has come of an answer. What is new is told in pieces.
#[derive(Debug, Default)]
struct Parts {
    parts: Vec<Part>,
    calls: usize,
    /// The id by which genai knows the last call.
    last_call: Option<String>,
}

impl Parts {
    fn text(&mut self, new: String) -> Vec<Piece> {
        match self.parts.last_mut() {
            _ if new.is_empty() => return Vec::new(),
            Some(Part::Text { text, .. }) => text.push_str(&new),
            _ => self.parts.push(Part::text(new.as_str())),
        }
        vec![Piece::Text(new)]
    }

    fn thinking(&mut self, new: String) -> Vec<Piece> {
        match self.parts.last_mut() {
            _ if new.is_empty() => return Vec::new(),
            Some(Part::Thinking {
                text,
                signature: None,
            }) => text.push_str(&new),
            _ => self.parts.push(Part::Thinking {
                text: new.clone(),
                signature: None,
            }),
        }
        vec![Piece::Thinking(new)]
    }

    /// Signatures of what was not told are of no use to the caller.
    fn signature(&mut self, new: String) -> Vec<Piece> {
        match self.parts.last_mut() {
            Some(Part::Thinking { signature, .. }) if signature.is_none() => {
                *signature = Some(new.clone());
                vec![Piece::Signature(new)]
            }
            _ => Vec::new(),
        }
    }

    /// A call: whole where its arguments are an object; else its text so far, again and again, and without a number.
    fn call(&mut self, call: foreign::ToolCall) -> Vec<Piece> {
        let so_far = match call.fn_arguments {
            Value::String(text) => text,
            Value::Null => "{}".to_owned(),
            whole => {
                self.last_call = None;
                whole.to_string()
            }
        };
        if self.last_call.as_ref() == Some(&call.call_id)
            && let Some(Part::ToolCall(last)) = self.parts.last_mut()
        {
            let new = so_far
                .strip_prefix(last.arguments.as_str())
                .unwrap_or_default()
                .to_owned();
            last.arguments.push_str(&new);
            let index = self.calls - 1;
            let piece = Piece::Arguments { index, text: new };
            return vec![piece];
        }
        self.last_call = Some(call.call_id.clone());
        // genai's stand-in for an id that was not given repeats itself.
        let id = match call.call_id.as_str() {
            stand_in if stand_in.is_empty() || stand_in.starts_with("call#") => new_id("call"),
            given => given.to_owned(),
        };
        let index = self.calls;
        self.calls += 1;
        self.parts.push(Part::ToolCall(ToolCall {
            id: id.clone(),
            name: call.fn_name.clone(),
            arguments: so_far.clone(),
        }));
        let begun = Piece::ToolCall {
            index,
            id,
            name: call.fn_name,
        };
        let text = (!so_far.is_empty()).then_some(Piece::Arguments {
            index,
            text: so_far,
        });
        std::iter::once(begun).chain(text).collect()
    }

    /// Calls that came without arguments have none, which is an object too.
    fn without_arguments(&mut self) -> Vec<Piece> {
        let calls = self.parts.iter_mut().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        });
        let empty = calls
            .enumerate()
            .filter(|(_, call)| call.arguments.is_empty());
        empty
            .map(|(index, call)| {
                "{}".clone_into(&mut call.arguments);
                let text = call.arguments.clone();
                Piece::Arguments { index, text }
            })
            .collect()
    }

    fn answer(self, finish: Finish, usage: Usage, model: Option<String>) -> ChatAnswer {
        // Gemini says nothing else of an answer that wants a tool.
        let finish = match finish {
            Finish::Stop if self.calls > 0 => Finish::ToolCalls,
            finish => finish,
        };
        ChatAnswer {
            parts: self.parts,
            finish,
            stop_sequence: None,
            usage,
            model,
        }
    }

    fn broken(self, failure: Failure, usage: Usage) -> Failure {
        if self.parts.is_empty() {
            return failure;
        }
        let kind = match failure.kind {
            Kind::Broken => Kind::Truncated,
            kind => kind,
        };
        let text = self.answer(Finish::Other, usage, None).text();
        let partial = Some(Box::new(Partial { text, usage }));
        Failure {
            kind,
            partial,
            ..failure
        }
    }
}

fn finish(reason: Option<&StopReason>) -> Finish {
    match reason {
        Some(StopReason::Completed(_)) => Finish::Stop,
        Some(StopReason::StopSequence(_)) => Finish::StopSequence,
        Some(StopReason::MaxTokens(_)) => Finish::Length,
        Some(StopReason::ToolCall(_)) => Finish::ToolCalls,
        Some(StopReason::ContentFilter(_)) => Finish::ContentFilter,
        Some(StopReason::Other(_)) | None => Finish::Other,
    }
}

/// genai counts all input, cached or not, as input.
pub fn usage(usage: &foreign::Usage) -> Usage {
    let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    let input = usage.prompt_tokens_details.as_ref();
    let output = usage.completion_tokens_details.as_ref();
    Usage {
        input: count(usage.prompt_tokens),
        cached: input.and_then(|details| count(details.cached_tokens)),
        written: input.and_then(|details| count(details.cache_creation_tokens)),
        written_1h: input.and_then(|details| {
            count(details.cache_creation_details.as_ref()?.ephemeral_1h_tokens)
        }),
        output: count(usage.completion_tokens),
        reasoning: output.and_then(|details| count(details.reasoning_tokens)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str, arguments: Value) -> foreign::ToolCall {
        foreign::ToolCall {
            call_id: id.to_owned(),
            fn_name: "f".to_owned(),
            fn_arguments: arguments,
            thought_signatures: None,
        }
    }

    #[test]
    fn arguments_that_are_told_again_and_again_are_told_once() {
        let mut parts = Parts::default();
        let mut pieces = Vec::new();
        for (id, so_far) in [
            ("c1", ""),
            ("c1", "{\"a\""),
            ("c1", "{\"a\": 1}"),
            ("c2", ""),
        ] {
            pieces.extend(parts.call(call(id, json!(so_far))));
        }
        pieces.extend(parts.without_arguments());
        let begun = |index, id: &str| Piece::ToolCall {
            index,
            id: id.to_owned(),
            name: "f".to_owned(),
        };
        let more = |index, text: &str| Piece::Arguments {
            index,
            text: text.to_owned(),
        };
        let expected = [
            begun(0, "c1"),
            more(0, "{\"a\""),
            more(0, ": 1}"),
            begun(1, "c2"),
            more(1, "{}"),
        ];
        assert_eq!(pieces, expected);
        let answer = parts.answer(Finish::Stop, Usage::default(), None);
        let arguments: Vec<&str> = answer
            .tool_calls()
            .map(|call| call.arguments.as_str())
            .collect();
        assert_eq!(arguments, ["{\"a\": 1}", "{}"]);
        assert_eq!(answer.finish, Finish::ToolCalls);
    }
}
