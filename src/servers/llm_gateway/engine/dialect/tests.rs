//! What all dialects have in common: answers survive their own streams, however they are cut.

use proptest::{collection::vec, prelude::*};
use serde_json::Value;

use super::*;
use crate::servers::llm_gateway::engine::chat::{Finish, Part, ToolCall};

pub fn meta() -> Meta {
    Meta {
        id: "r1".into(),
        model: "m".into(),
        created_s: 1_700_000_000,
        include_usage: true,
    }
}

/// The events of a stream: name and data.
pub fn events(stream: &str) -> Vec<(String, String)> {
    stream
        .split_terminator("\n\n")
        .map(|event| {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let data = field("data: ").unwrap_or_else(|| panic!("no data in {event:?}"));
            (
                field("event: ").unwrap_or_default().to_owned(),
                data.to_owned(),
            )
        })
        .collect()
}

/// A stream's events as JSON, without `[DONE]`.
pub fn data(stream: &str) -> Vec<Value> {
    let data = events(stream)
        .into_iter()
        .filter(|(_, data)| data != "[DONE]");
    data.map(|(_, data)| serde_json::from_str(&data).unwrap())
        .collect()
}

pub fn decode(decoder: &mut dyn Decoder, stream: &str) -> (Vec<Piece>, ChatAnswer) {
    let mut pieces = Vec::new();
    for (name, data) in events(stream) {
        decoder.event(&name, &data, &mut pieces).unwrap();
    }
    assert!(decoder.is_done());
    (pieces, decoder.answer())
}

pub fn call(index: usize, id: &str, name: &str) -> Piece {
    Piece::ToolCall {
        index,
        id: id.into(),
        name: name.into(),
    }
}

pub fn arguments(index: usize, text: &str) -> Piece {
    Piece::Arguments {
        index,
        text: text.into(),
    }
}

pub fn answer(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        parts,
        finish,
        stop_sequence: None,
        usage: Usage {
            input: Some(12),
            cached: Some(4),
            output: Some(7),
            ..Usage::default()
        },
        model: Some("m".into()),
    }
}

/// Encodes pieces, and the end of `answer`.
pub fn encode(dialect: Dialect, pieces: &[Piece], answer: &ChatAnswer) -> String {
    let mut encoder = dialect.encoder(meta());
    let mut out = String::new();
    encoder.start(&Usage::default(), &mut out);
    for piece in pieces {
        encoder.piece(piece, &mut out);
    }
    encoder.end(answer, &mut out);
    out
}

/// Text in several pieces, cut anywhere between two characters.
fn cut(text: &str, cuts: &[usize]) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut at: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (characters.len() + 1))
        .collect();
    at.extend([0, characters.len()]);
    at.sort_unstable();
    let piece = |pair: &[usize]| characters[pair[0]..pair[1]].iter().collect();
    at.windows(2).map(piece).collect()
}

fn json_text() -> impl Strategy<Value = String> {
    // Keys and values with what could mislead a reader: quotes, escapes, brackets, characters of several bytes.
    let word = "[a-z\"\\\\{}\\[\\]é🦀\n ]{0,6}";
    vec((word, word), 0..4).prop_map(|pairs| {
        let pairs: Map<String, Value> = pairs.into_iter().map(|(k, v)| (k, v.into())).collect();
        Value::Object(pairs).to_string()
    })
}

/// Parts as models say them: no two of a kind that would flow into each other.
fn parts() -> impl Strategy<Value = Vec<Part>> {
    let text = "[a-zé🦀\n:{}\"]{1,12}";
    let thinking = prop::option::of((text, "[a-zA-Z0-9+/=]{1,12}"));
    let calls = vec(("[a-z]{1,5}", json_text()), 0..4);
    (thinking, prop::option::of(text), calls).prop_map(|(thinking, text, calls)| {
        let thinking = thinking.map(|(text, signature)| Part::Thinking {
            text,
            signature: Some(signature),
        });
        let call = |(index, (name, arguments)): (usize, (String, String))| {
            let id = format!("call_{index}");
            Part::ToolCall(ToolCall {
                id,
                name,
                arguments,
            })
        };
        let calls = calls.into_iter().enumerate().map(call);
        thinking
            .into_iter()
            .chain(text.map(Part::text))
            .chain(calls)
            .collect()
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    let small = || 0..1000u64;
    let class = || prop::option::of(small());
    (small(), class(), class(), small(), class()).prop_map(
        |(fresh, cached, written, output, reasoning)| Usage {
            input: Some(fresh + cached.unwrap_or(0) + written.unwrap_or(0)),
            cached,
            written,
            written_1h: None,
            output: Some(output),
            reasoning,
        },
    )
}

/// An answer's pieces as a provider might send them: cut anywhere, and with all calls' arguments mixed.
fn cut_pieces(parts: &[Part], cuts: &[usize]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut streams: Vec<Vec<Piece>> = Vec::new();
    for part in parts {
        match part {
            Part::Text { text, .. } => pieces.extend(cut(text, cuts).into_iter().map(Piece::Text)),
            Part::Thinking { text, signature } => {
                pieces.extend(cut(text, cuts).into_iter().map(Piece::Thinking));
                pieces.extend(signature.clone().map(Piece::Signature));
            }
            Part::ToolCall(tool) => {
                let index = streams.len();
                let mut stream = vec![call(index, &tool.id, &tool.name)];
                let texts = cut(&tool.arguments, cuts).into_iter();
                stream.extend(texts.map(|text| Piece::Arguments { index, text }));
                streams.push(stream);
            }
            _ => unreachable!(),
        }
    }
    // Calls begin in their order; what follows takes turns.
    pieces.extend(streams.iter().map(|stream| stream[0].clone()));
    let longest = streams.iter().map(Vec::len).max().unwrap_or(0);
    for turn in 1..longest {
        pieces.extend(
            streams
                .iter()
                .filter_map(|stream| stream.get(turn).cloned()),
        );
    }
    pieces
}

proptest! {
    #[test]
    fn an_answer_survives_anthropics_stream(
        parts in parts(),
        usage in usage(),
        cuts in vec(0..40usize, 0..4),
        finish in prop::sample::select(vec![Finish::Stop, Finish::StopSequence, Finish::Length, Finish::ToolCalls, Finish::ContentFilter]),
    ) {
        let stop_sequence = (finish == Finish::StopSequence).then(|| "END".to_owned());
        let answer = ChatAnswer { stop_sequence, usage, ..answer(parts, finish) };
        let stream = encode(Dialect::Anthropic, &cut_pieces(&answer.parts, &cuts), &answer);
        let (_, read) = decode(anthropic::decoder().as_mut(), &stream);
        prop_assert_eq!(read, answer);
    }

    #[test]
    fn an_answer_survives_openais_stream(
        parts in parts(),
        usage in usage(),
        cuts in vec(0..40usize, 0..4),
        ended in prop::sample::select(vec![Finish::Stop, Finish::Length, Finish::ContentFilter]),
    ) {
        let called = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        let finish = if called { Finish::ToolCalls } else { ended };
        let answer = ChatAnswer { usage, ..answer(parts, finish) };
        let stream = encode(Dialect::Openai, &cut_pieces(&answer.parts, &cuts), &answer);
        let (_, mut read) = decode(openai::decoder().as_mut(), &stream);
        // The dialect has no place for signatures.
        let mut expected = answer;
        for part in read.parts.iter_mut().chain(&mut expected.parts) {
            if let Part::Thinking { signature, .. } = part {
                *signature = None;
            }
        }
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_whole_answer_survives_both(parts in parts(), usage in usage()) {
        let called = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        let finish = if called { Finish::ToolCalls } else { Finish::Stop };
        let mut answer = ChatAnswer { usage, ..answer(parts, finish) };
        let body = Dialect::Anthropic.write_answer(&meta(), &answer);
        prop_assert_eq!(&anthropic::read_answer(&body).unwrap(), &answer);
        let body = Dialect::Openai.write_answer(&meta(), &answer);
        for part in &mut answer.parts {
            if let Part::Thinking { signature, .. } = part {
                *signature = None;
            }
        }
        prop_assert_eq!(openai::read_answer(&body).unwrap(), answer);
    }

    /// Responses say at the end of a stream what they would have said at once.
    #[test]
    fn an_answer_survives_the_stream_of_responses(
        parts in parts(),
        usage in usage(),
        cuts in vec(0..40usize, 0..4),
    ) {
        let answer = ChatAnswer { usage, ..answer(parts, Finish::Stop) };
        let stream = encode(Dialect::Responses, &cut_pieces(&answer.parts, &cuts), &answer);
        let last = data(&stream).pop().unwrap();
        prop_assert_eq!(&last["response"], &Dialect::Responses.write_answer(&meta(), &answer));
    }

    /// Whatever comes, reading it does not panic.
    #[test]
    fn nonsense_is_refused(text in "\\PC*", pairs in vec(("[a-z_]{0,12}", "\\PC{0,8}"), 0..5)) {
        let pairs: Map<String, Value> = pairs.into_iter().map(|(k, v)| (k, v.into())).collect();
        let body = Value::Object(pairs);
        for dialect in [Dialect::Openai, Dialect::Responses, Dialect::Anthropic] {
            prop_assert!(dialect.read_request(&body).is_err());
        }
        for mut decoder in [openai::decoder(), anthropic::decoder()] {
            let _ = decoder.event(&text, &body.to_string(), &mut Vec::new());
            let _ = decoder.event("", &text, &mut Vec::new());
        }
    }
}

/// What an encoder says last where arguments came late, or never.
#[test]
fn arguments_that_come_at_the_end_are_sent() {
    let tool = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: arguments.into(),
        })
    };
    let parts = vec![
        tool("a", "{\"x\":1}"),
        tool("b", ""),
        tool("c", "{\"broken\":"),
        tool("d", "{}"),
    ];
    let answer = answer(parts, Finish::ToolCalls);
    // `a` has only begun, of `c` a part was sent, and `d` was never heard of.
    let pieces = [
        call(0, "a", "f"),
        call(1, "b", "f"),
        call(2, "c", "f"),
        arguments(2, "{\"bro"),
    ];
    let mut expected = answer.clone();
    expected.parts[1] = tool("b", "{}");
    let stream = encode(Dialect::Anthropic, &pieces, &answer);
    assert_eq!(decode(anthropic::decoder().as_mut(), &stream).1, expected);
    let stream = encode(Dialect::Openai, &pieces, &answer);
    assert_eq!(decode(openai::decoder().as_mut(), &stream).1, expected);
}

#[test]
fn a_whole_answer_can_be_streamed() {
    let answer = answer(
        vec![Part::text("hi"), Part::Refusal("no".into())],
        Finish::Stop,
    );
    let stream = encode(Dialect::Openai, &[], &answer);
    assert_eq!(decode(openai::decoder().as_mut(), &stream).1, answer);
}

/// What belongs to another part waits for the open call, and no longer than that.
#[test]
fn a_call_that_is_whole_holds_nothing_back() {
    let mut encoder = Dialect::Anthropic.encoder(meta());
    let mut out = String::new();
    encoder.piece(&call(0, "a", "f"), &mut out);
    encoder.piece(&arguments(0, "{\"x\":"), &mut out);
    encoder.piece(&Piece::Text("later".into()), &mut out);
    assert!(!out.contains("later"));
    encoder.piece(&arguments(0, "\"}\"}"), &mut out);
    assert!(out.contains("later"));
    out.clear();
    encoder.piece(&Piece::Text("now".into()), &mut out);
    assert!(out.contains("now"));
}
