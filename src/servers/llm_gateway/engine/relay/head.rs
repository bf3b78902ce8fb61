//! What the hub has to know of a request before it goes on: read in one pass over the body, of which nothing is kept.

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};

use super::{
    super::{dialect::BadRequest, prices::Mode},
    walk::{Seen, Walk},
};

/// The head of a request in any dialect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Head {
    pub model: String,
    pub stream: bool,
    /// The largest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    pub max_tokens: Option<u32>,
    /// Whether the caller asked for usage at the end of a stream (OpenAI's `stream_options`).
    pub include_usage: bool,
    pub has_tools: bool,
    pub has_images: bool,
    /// Documents.
    pub has_files: bool,
    pub has_audio: bool,
    /// Whether the answer is to be JSON of a schema.
    pub has_schema: bool,
    /// How many answers are wanted.
    pub n: Option<u32>,
    pub temperature: Option<f64>,
    /// How the caller wants to be served, where the provider is not to choose.
    pub mode: Option<Mode>,
    /// Bytes of all that the model reads: texts, and tools with their schemas; not images, documents and sounds.
    pub text_bytes: usize,
}

/// Reads the head of `body`; of a member that is there twice, the last counts.
pub fn read(body: &[u8]) -> Result<Head, BadRequest> {
    let mut members = Members::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = json.deserialize_map(&mut members).and_then(|()| json.end());
    if let Some(wrong) = members.wrong {
        return Err(wrong);
    }
    read.map_err(|error| match error.classify() {
        serde_json::error::Category::Data => BadRequest::new("", "the body must be a JSON object"),
        _ => BadRequest::new("", format!("the body is no JSON: {error}")),
    })?;
    let Members { mut head, said, .. } = members;
    head.model = members.model.unwrap_or_default();
    if head.model.is_empty() {
        return Err(BadRequest::new(
            "model",
            "is missing: name a model, as GET /v1/models lists them",
        ));
    }
    head.max_tokens = members.most.into_iter().flatten().max();
    for seen in said {
        head.text_bytes += seen.text_bytes;
        head.has_images |= seen.images;
        head.has_files |= seen.files;
        head.has_audio |= seen.audio;
    }
    Ok(head)
}

/// The members of the body, as they are met.
#[derive(Default)]
struct Members {
    head: Head,
    model: Option<String>,
    /// By each of its names.
    most: [Option<u32>; 3],
    /// What is said by `messages`, `input`, `system`, `instructions`, `tools`.
    said: [Seen; 5],
    wrong: Option<BadRequest>,
}

impl<'de> Visitor<'de> for &mut Members {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if let Err(error) = self.member(&key, &mut map) {
                // What kind of value was met, without the place, which is of no use in one line of JSON.
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or_default();
                self.wrong.get_or_insert_with(|| BadRequest::new(key, what));
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Members {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let head = &mut self.head;
        let [most, completion, output] = &mut self.most;
        let [messages, input, system, instructions, tools] = &mut self.said;
        match key {
            "model" => self.model = map.next_value()?,
            "stream" => head.stream = map.next_value::<Option<bool>>()?.unwrap_or_default(),
            "max_tokens" => *most = map.next_value()?,
            "max_completion_tokens" => *completion = map.next_value()?,
            "max_output_tokens" => *output = map.next_value()?,
            "n" => head.n = map.next_value()?,
            "temperature" => head.temperature = map.next_value()?,
            "service_tier" => {
                let tier: Option<String> = map.next_value()?;
                head.mode = tier.as_deref().and_then(Mode::of_tier);
            }
            "stream_options" => {
                let options: Option<StreamOptions> = map.next_value()?;
                head.include_usage = options
                    .and_then(|options| options.include_usage)
                    .unwrap_or_default();
            }
            "response_format" | "text" | "output_config" | "output_format" => {
                let format: Option<Format> = map.next_value()?;
                head.has_schema |= format.is_some_and(|format| format.is_schema());
            }
            "messages" => *messages = map.next_value_seed(Walk::default())?,
            "input" => *input = map.next_value_seed(Walk::default())?,
            "system" => *system = map.next_value_seed(Walk::default())?,
            "instructions" => *instructions = map.next_value_seed(Walk::default())?,
            "tools" | "functions" => {
                *tools = map.next_value_seed(Walk { schema: true })?;
                head.has_tools = tools.text_bytes > 0;
                // A tool that makes images shows none.
                *tools = Seen {
                    text_bytes: tools.text_bytes,
                    ..Seen::default()
                };
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// `{"type": …}` (chat completions, Anthropic's beta) or `{"format": {"type": …}}` (responses, Anthropic).
#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: Option<String>,
    format: Option<Box<Format>>,
}

impl Format {
    fn is_schema(&self) -> bool {
        self.kind.as_deref() == Some("json_schema")
            || self.format.as_deref().is_some_and(Self::is_schema)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn head(body: &serde_json::Value) -> Head {
        read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_chat_completion_is_read() {
        let body = json!({
            "messages": [
                {"role": "system", "content": "12345"},
                {"role": "user", "content": [
                    {"type": "text", "text": "1234567"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAAAAAAAAAAAAAA"}}
                ]}
            ],
            "model": "gpt-5", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 5, "max_completion_tokens": 7,
            "n": 2, "temperature": 0.5, "service_tier": "flex", "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
            "response_format": {"type": "json_schema", "json_schema": {}}, "unknown": [[1]]
        });
        let expected = Head {
            model: "gpt-5".into(),
            stream: true,
            max_tokens: Some(7),
            include_usage: true,
            has_tools: true,
            has_images: true,
            has_schema: true,
            n: Some(2),
            temperature: Some(0.5),
            mode: Some(Mode::Flex),
            text_bytes: 12 + "typefunctionfunctionnamefparameterstypeobject".len(),
            ..Head::default()
        };
        assert_eq!(head(&body), expected);
    }

    #[test]
    fn the_other_dialects_are_read() {
        let anthropic = json!({"model": "c", "max_tokens": 9, "system": [{"type": "text", "text": "123", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
                {"type": "tool_result", "tool_use_id": "", "content": [{"type": "text", "text": "4567"}]}]}],
            "output_config": {"format": {"type": "json_schema", "schema": {}}}});
        let read = head(&anthropic);
        assert_eq!((read.text_bytes, read.max_tokens), (7, Some(9)));
        assert!(read.has_files && !read.has_images && read.has_schema && !read.has_tools);
        let responses = json!({"model": "r", "instructions": "12", "input": "345", "max_output_tokens": 4, "text": {"format": {"type": "text"}}, "tools": []});
        let read = head(&responses);
        assert_eq!((read.text_bytes, read.max_tokens), (5, Some(4)));
        assert!(!read.has_schema && !read.has_tools);
        assert_eq!(
            head(&json!({"model": "e", "input": [[1, 2], [3]]})).text_bytes,
            12
        );
        let nulls = json!({"model": "e", "stream": null, "stream_options": null, "max_tokens": null, "tools": null, "response_format": null, "n": null});
        assert_eq!(
            head(&nulls),
            Head {
                model: "e".into(),
                ..Head::default()
            }
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, param, told) in [
            (r#"{"messages":[]}"#, "model", "missing"),
            (r#"{"model":""}"#, "model", "missing"),
            (r#"{"model":null}"#, "model", "missing"),
            (r#"{"model":7}"#, "model", "integer"),
            (r#"{"model":"m","stream":"yes"}"#, "stream", "boolean"),
            (r#"{"model":"m","max_tokens":-1}"#, "max_tokens", "-1"),
            (
                r#"{"model":"m","stream_options":7}"#,
                "stream_options",
                "integer",
            ),
            (r#"["model"]"#, "", "object"),
            (r#""model""#, "", "object"),
            ("{\"model\":\"m\"", "", "no JSON"),
            (r#"{"model":"m"} {}"#, "", "no JSON"),
            ("", "", "no JSON"),
        ] {
            let wrong = read(body.as_bytes()).unwrap_err();
            assert_eq!(wrong.param, param, "{body}: {wrong}");
            assert!(wrong.message.contains(told), "{body}: {wrong}");
        }
    }

    #[test]
    fn the_last_of_a_member_counts() {
        let twice = r#"{"model":"a","stream":true,"messages":["12345"],"model":"b","stream":false,"messages":["1"]}"#;
        let read = read(twice.as_bytes()).unwrap();
        assert_eq!(
            (read.model.as_str(), read.stream, read.text_bytes),
            ("b", false, 1)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..99), text in "\\{\"model\":\\PC{0,40}") {
            let _ = (read(&bytes), read(text.as_bytes()));
        }
    }
}
