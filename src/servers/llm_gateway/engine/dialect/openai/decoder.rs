//! Chat completions' answers and streams, as providers write them: OpenAI itself, and servers that only resemble it.

use serde_json::Value;

use super::{
    super::{Decoder, assembly::Assembly, trouble},
    answer::{finish, read_usage},
    tools::read_arguments,
};
use crate::servers::llm_gateway::engine::{
    chat::{ChatAnswer, Piece, Usage},
    failure::Failure,
};

pub fn decoder() -> Box<dyn Decoder> {
    Box::new(Chunks::default())
}

/// Reads a whole answer, which is shaped like a stream of one chunk.
pub fn read_answer(body: &Value) -> Result<ChatAnswer, Failure> {
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(trouble::read(error));
    }
    let message = body
        .pointer("/choices/0/message")
        .ok_or_else(|| trouble::nonsense("there is no choices[0].message in it"))?;
    let mut chunks = Chunks::default();
    chunks.note(body);
    chunks.delta(message, &mut Vec::new());
    Ok(chunks.answer())
}

#[derive(Default)]
struct Chunks {
    assembly: Assembly,
    calls: Vec<Call>,
    /// The answer's id, from which calls without one get theirs.
    id: String,
    model: Option<String>,
    finish: Option<String>,
    usage: Usage,
    done: bool,
}

/// A call that was begun; its place in the list is its index.
struct Call {
    /// As the server says them.
    id: Option<String>,
    index: Option<u64>,
}

impl Decoder for Chunks {
    fn event(&mut self, name: &str, data: &str, out: &mut Vec<Piece>) -> Result<(), Failure> {
        let data = data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        let chunk: Value =
            serde_json::from_str(data).map_err(|_| trouble::nonsense("an event is no JSON"))?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(trouble::read(error));
        }
        if name == "error" {
            return Err(trouble::read(&chunk));
        }
        self.note(&chunk);
        if let Some(delta) = chunk.pointer("/choices/0/delta") {
            self.delta(delta, out);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.done || self.finish.is_some()
    }

    fn usage(&self) -> Usage {
        self.usage
    }

    fn answer(&mut self) -> ChatAnswer {
        ChatAnswer {
            parts: self.assembly.take(),
            finish: finish(self.finish.as_deref(), !self.calls.is_empty()),
            stop_sequence: None,
            usage: self.usage,
            model: self.model.clone(),
        }
    }
}

impl Chunks {
    /// What a chunk says beside its delta.
    fn note(&mut self, chunk: &Value) {
        let word = |pointer: &str| chunk.pointer(pointer).and_then(Value::as_str);
        if let Some(id) = word("/id").filter(|_| self.id.is_empty()) {
            id.clone_into(&mut self.id);
        }
        if let Some(model) = word("/model").filter(|model| !model.is_empty()) {
            self.model = Some(model.to_owned());
        }
        if let Some(reason) = word("/choices/0/finish_reason").filter(|reason| !reason.is_empty()) {
            self.finish = Some(reason.to_owned());
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = read_usage(usage);
        }
    }

    fn delta(&mut self, delta: &Value, out: &mut Vec<Piece>) {
        let from = out.len();
        let word = |name: &str| {
            let text = delta.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        // What the model thinks has no name of OpenAI's own; servers use either of these.
        let thought = word("reasoning_content").or_else(|| word("reasoning"));
        out.extend(thought.map(Piece::Thinking));
        out.extend(word("content").map(Piece::Text));
        for part in items(delta.get("content")) {
            content(part, out);
        }
        out.extend(word("refusal").map(Piece::Refusal));
        for call in items(delta.get("tool_calls")) {
            self.call(call, out);
        }
        for piece in out.iter().skip(from) {
            self.assembly.push(piece);
        }
    }

    fn call(&mut self, delta: &Value, out: &mut Vec<Piece>) {
        let word = |pointer: &str| {
            let text = delta.pointer(pointer).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let (id, name) = (word("/id"), word("/function/name"));
        let said = delta.get("index").and_then(Value::as_u64);
        let index = self.known(id, said, name).unwrap_or_else(|| {
            let index = self.calls.len();
            self.calls.push(Call {
                id: id.map(str::to_owned),
                index: said,
            });
            let made = || format!("call_{}_{index}", self.id);
            out.push(Piece::ToolCall {
                index,
                id: id.map_or_else(made, str::to_owned),
                name: name.unwrap_or_default().to_owned(),
            });
            index
        });
        let arguments = delta.pointer("/function/arguments");
        if let Some(arguments) = arguments.filter(|arguments| !arguments.is_null()) {
            let text = read_arguments(Some(arguments));
            if !text.is_empty() {
                out.push(Piece::Arguments { index, text });
            }
        }
    }

    /// The call that a delta belongs to; none if it begins one. Servers repeat ids, leave out indices, or give all calls the same.
    fn known(&self, id: Option<&str>, said: Option<u64>, name: Option<&str>) -> Option<usize> {
        let same_id = |call: &Call| id.is_some() && call.id.as_deref() == id;
        if let Some(position) = self.calls.iter().position(same_id) {
            return Some(position);
        }
        let same_index = |call: &Call| match said {
            Some(_) => call.index == said,
            None => name.is_none(),
        };
        let position = self.calls.iter().rposition(same_index)?;
        let begins = id.is_some() && name.is_some();
        (!begins).then_some(position)
    }
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// Mistral's content may come in parts: `{"type": "text", "text": …}`, `{"type": "thinking", "thinking": [parts]}`.
fn content(part: &Value, out: &mut Vec<Piece>) {
    let text = |part: &Value| part.get("text")?.as_str().map(str::to_owned);
    out.extend(text(part).map(Piece::Text));
    let thoughts = items(part.get("thinking")).filter_map(text);
    out.extend(thoughts.map(Piece::Thinking));
}
