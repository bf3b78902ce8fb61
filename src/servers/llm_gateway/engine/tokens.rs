//! How many tokens a request has, without asking its provider: always an estimate.

use tiktoken_rs::{
    CoreBPE, cl100k_base_singleton, o200k_base_singleton,
    tokenizer::{Tokenizer, get_tokenizer},
};

use super::chat::{ChatRequest, Format, Media, Part, Role, ToolDef};

/// A count of input tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub tokens: u64,
    /// Whether the provider would count the same.
    pub exact: bool,
}

/// Longest text that is counted as a whole, in bytes; of a longer one a sample is.
const WHOLE: usize = 256 * 1024;
/// Pieces that are counted of a longer text, and how long each is.
const SAMPLES: usize = 16;
const SAMPLE: usize = WHOLE / SAMPLES;
/// Longest text without a space that goes to the tokenizer at once: its cost grows with the square of such a word's length.
const WORD: usize = 512;

/// What OpenAI's cookbook counts around a message, before the answer, and around a tool.
const MESSAGE: u64 = 3;
const ANSWER: u64 = 3;
const TOOL: u64 = 7;
/// Before the first tool.
const TOOLS: u64 = 12;
/// A picture of unknown size: one of 1024 × 1024 in OpenAI's high detail (85 and 170 for each of four tiles).
const IMAGE: u64 = 765;
/// A document whose text is not looked at: about what providers count for a page, and the bytes of a page as base64.
const PAGE: u64 = 2_000;
const PAGE_BYTES: u64 = 80_000;
/// Sound has about ten tokens a second, which is about this many bytes as base64 (64 kbit/s).
const SOUND_BYTES: u64 = 1_000;

/// Counts a request's input with the tokenizer of the model, or of the newest OpenAI models where its own is not public.
pub fn count(model: &str, request: &ChatRequest) -> Count {
    let bpe = tokenizer(model);
    let messages = request.messages.iter().map(|message| {
        let role = if message.role == Role::Tool { 2 } else { 1 };
        MESSAGE + role + parts(bpe, &message.parts)
    });
    let tools = if request.tools.is_empty() {
        0
    } else {
        TOOLS + request.tools.iter().map(|def| tool(bpe, def)).sum::<u64>()
    };
    let format = match &request.format {
        Format::Text | Format::JsonObject => 0,
        Format::JsonSchema {
            name,
            description,
            schema,
            ..
        } => {
            text(bpe, name)
                + text(bpe, description.as_deref().unwrap_or_default())
                + text(bpe, &schema.to_string())
        }
    };
    Count {
        tokens: messages.sum::<u64>() + tools + format + ANSWER,
        exact: false,
    }
}

/// Counts texts to embed.
pub fn count_texts<'a>(model: &str, texts: impl IntoIterator<Item = &'a str>) -> Count {
    let bpe = tokenizer(model);
    let tokens = texts.into_iter().map(|one| text(bpe, one)).sum();
    Count {
        tokens,
        exact: false,
    }
}

/// A guess for the hot path, from nothing but the length of all texts and the count of messages: two tokens for seven bytes, which
/// is slightly high for English and code. Scripts of three bytes a letter come out at about a token a letter.
pub fn estimate(text_bytes: u64, messages: u64) -> u64 {
    let text = u128::from(text_bytes) * 2 / 7;
    u64::try_from(text)
        .unwrap_or(u64::MAX)
        .saturating_add(messages.saturating_mul(MESSAGE + 1))
        .saturating_add(ANSWER)
}

fn tokenizer(model: &str) -> &'static CoreBPE {
    let model = model.rsplit_once('/').map_or(model, |(_, name)| name);
    match get_tokenizer(model) {
        Some(Tokenizer::Cl100kBase) => cl100k_base_singleton(),
        _ => o200k_base_singleton(),
    }
}

fn parts(bpe: &CoreBPE, parts: &[Part]) -> u64 {
    parts.iter().map(|one| part(bpe, one)).sum()
}

fn part(bpe: &CoreBPE, part: &Part) -> u64 {
    match part {
        Part::Text { text: said, .. } | Part::Refusal(said) | Part::Thinking { text: said, .. } => {
            text(bpe, said)
        }
        Part::RedactedThinking(data) => data.len() as u64 / 4,
        Part::Image(_) => IMAGE,
        Part::File { media, .. } => bytes(media).div_ceil(PAGE_BYTES).max(1) * PAGE,
        Part::Audio(media) => bytes(media).div_ceil(SOUND_BYTES).max(1),
        Part::ToolCall(call) => MESSAGE + text(bpe, &call.name) + text(bpe, &call.arguments),
        Part::ToolResult { content, .. } => MESSAGE + parts(bpe, content),
    }
}

/// The length of what is sent; what is fetched from an address is of unknown length.
fn bytes(media: &Media) -> u64 {
    match media {
        Media::Url(_) => 0,
        Media::Base64 { data, .. } => data.len() as u64,
    }
}

/// Providers show tools to models in forms of their own, with about as many tokens as the schema as JSON.
fn tool(bpe: &CoreBPE, def: &ToolDef) -> u64 {
    let about = text(bpe, def.description.as_deref().unwrap_or_default());
    TOOL + text(bpe, &def.name) + about + text(bpe, &def.parameters.to_string())
}

/// Counts a text; of a long one, samples spread evenly over it.
fn text(bpe: &CoreBPE, text: &str) -> u64 {
    if text.len() <= WHOLE {
        return pieces(text)
            .map(|piece| bpe.count_ordinary(piece) as u64)
            .sum();
    }
    let step = text.len() / SAMPLES;
    let samples = (0..SAMPLES).map(|n| {
        let start = text.floor_char_boundary(n * step);
        let end = text.floor_char_boundary(n * step + SAMPLE);
        text.get(start..end).unwrap_or_default()
    });
    let (tokens, bytes) = samples
        .flat_map(pieces)
        .fold((0, 0), |(tokens, bytes), piece| {
            (
                tokens + bpe.count_ordinary(piece) as u128,
                bytes + piece.len() as u128,
            )
        });
    u64::try_from((tokens * text.len() as u128).div_ceil(bytes.max(1))).unwrap_or(u64::MAX)
}

/// Cuts within words that are too long: base64, or letters repeated without end.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut run = 0;
        let cut = rest.char_indices().find_map(|(at, c)| {
            run = if c.is_whitespace() {
                0
            } else {
                run + c.len_utf8()
            };
            (run > WORD).then_some(at)
        });
        let (piece, after) = rest.split_at_checked(cut.unwrap_or(rest.len()))?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::servers::llm_gateway::engine::chat::{Message, ToolCall};

    fn chat(said: &str) -> ChatRequest {
        let message = Message {
            role: Role::User,
            parts: vec![Part::text(said)],
        };
        ChatRequest {
            messages: vec![message],
            ..ChatRequest::default()
        }
    }

    #[test]
    fn a_message_is_counted_as_openais_cookbook_does() {
        // "hello world" has 2 tokens; a message 3 and its role 1; the answer's beginning 3.
        for model in ["gpt-4o", "gpt-4", "claude-sonnet-4-5"] {
            assert_eq!(
                count(model, &chat("hello world")),
                Count {
                    tokens: 9,
                    exact: false
                },
                "{model}"
            );
        }
        assert_eq!(
            count_texts("text-embedding-3-small", ["hello world", "hello"]).tokens,
            3
        );
    }

    #[test]
    fn the_models_own_tokenizer_counts() {
        // "Привет мир" by o200k_base and by cl100k_base, as OpenAI's tokenizer page shows them.
        let tokens =
            |model| count_texts(model, ["antidisestablishmentarianism Привет, мир"]).tokens;
        assert!(tokens("gpt-4o") < tokens("gpt-4"));
        assert_eq!(tokens("openai/gpt-4"), tokens("gpt-4"));
    }

    #[test]
    fn pictures_tools_and_results_count() {
        let plain = count("gpt-4o", &chat("hi")).tokens;
        let mut request = chat("hi");
        request.messages[0]
            .parts
            .push(Part::Image(Media::Url("https://example.com/a.png".into())));
        assert_eq!(count("gpt-4o", &request).tokens, plain + 765);
        let mut request = chat("hi");
        request.tools.push(ToolDef {
            name: "look".into(),
            description: Some("Look around".into()),
            parameters: json!({"type": "object"}),
            strict: None,
            cache: None,
        });
        assert!(count("gpt-4o", &request).tokens > plain + 19);
        let mut request = chat("hi");
        let call = ToolCall {
            id: "c".into(),
            name: "look".into(),
            arguments: "{}".into(),
        };
        request.messages.push(Message {
            role: Role::Assistant,
            parts: vec![Part::ToolCall(call)],
        });
        assert!(count("gpt-4o", &request).tokens > plain + 4);
    }

    #[test]
    fn a_long_text_costs_no_more_than_its_samples() {
        let line = "fn main() { println!(\"{}\", 6 * 7); } // the answer\n";
        let short = count_texts("gpt-4o", [line.repeat(100).as_str()]).tokens;
        let began = Instant::now();
        let long = count_texts("gpt-4o", [line.repeat(100_000).as_str()]).tokens;
        // The same text a thousand times has a thousand times the tokens, but for the edges of the samples.
        assert!(long.abs_diff(short * 1000) < short * 20, "{long} {short}");
        for endless in [
            "a".repeat(200_000),
            "é".repeat(100_000),
            "=".repeat(WHOLE * 2),
            " ".repeat(WHOLE),
        ] {
            count_texts("gpt-4o", [endless.as_str()]);
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
    }

    #[test]
    fn the_estimate_is_slightly_high_for_english_and_code() {
        for text in [include_str!("tokens.rs"), include_str!("prices/README.md")] {
            let (guess, counted) = (
                estimate(text.len() as u64, 0),
                count_texts("gpt-4o", [text]).tokens,
            );
            assert!(guess >= counted && guess < counted * 2, "{guess} {counted}");
        }
        assert_eq!(estimate(7, 2), 2 + 8 + 3);
        assert_eq!(estimate(u64::MAX, u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_into_all_of_it(text in "(\\PC| ){0,3000}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }
}
