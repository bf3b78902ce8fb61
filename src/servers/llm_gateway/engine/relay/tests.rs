//! Against a socket that answers as it is told to.

mod whole;

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::HeaderMap;

use super::{
    super::{
        chat::{Finish, Usage},
        failure::{Failure, Kind},
        http::{
            Auth,
            script::{KEY, Script, Step, ended, open_stream},
        },
        upstream::{Flow, Operation, Relay, Relayed, Tally},
    },
    relay,
};

const CHAT: &str = concat!(
    ": hello\n\n",
    "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"x\", \"choices\":[{\"index\":0,\"delta\":{\"content\":\"H\\u00e9l😀\"}}],\"extra\":[1.50]}\n\n",
    "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"}}],\"usage\":null}\n\n",
    "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n",
);
const CHAT_USAGE: &str = "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":2,\"total_tokens\":13}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const MESSAGES: &str = concat!(
    "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\r\n\r\n",
    "event: content_block_start\r\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\r\n\r\n",
    "event: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n",
    "event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\r\n\r\n",
    "event: message_delta\r\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}}\r\n\r\n",
);
const STOP: &str = "event: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n\r\n";
const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\",\"usage\":null}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n",
);
const COMPLETED: &str = concat!(
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[{\"type\":\"message\"}],",
    "\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"output_tokens_details\":{\"reasoning_tokens\":2}}}}\n\n"
);

/// What came of a stream.
#[derive(Debug)]
struct Came {
    bytes: String,
    /// Bytes before the first content.
    before: usize,
    end: Result<Tally, Failure>,
}

fn request(operation: Operation, stream: bool, include_usage: bool) -> Relay {
    Relay {
        operation,
        body: Bytes::from_static(b"{ \"model\":\"m\" , \"x\":1.50}"),
        headers: HeaderMap::new(),
        stream,
        include_usage,
    }
}

async fn flow(relayed: Relayed) -> Came {
    let Relayed::Stream { mut flow, .. } = relayed else {
        panic!("no stream")
    };
    let (mut bytes, mut before, mut seen) = (Vec::new(), 0, false);
    while let Some(next) = flow.next().await {
        match next {
            Ok(Flow::Bytes {
                bytes: more,
                content,
            }) => {
                seen |= content;
                before += if seen { 0 } else { more.len() };
                bytes.extend_from_slice(&more);
            }
            Ok(Flow::End(tally)) => {
                assert!(flow.next().await.is_none());
                return Came {
                    bytes: String::from_utf8(bytes).unwrap(),
                    before,
                    end: Ok(tally),
                };
            }
            Err(failure) => {
                assert!(flow.next().await.is_none());
                return Came {
                    bytes: String::from_utf8(bytes).unwrap(),
                    before,
                    end: Err(failure),
                };
            }
        }
    }
    panic!("it ended without an end");
}

async fn relayed(steps: Vec<Step>, operation: Operation, include_usage: bool) -> Came {
    let script = Script::new(move |_| steps.clone()).await;
    let answer = relay(
        &script.http(Auth::Bearer),
        request(operation, true, include_usage),
    )
    .await;
    flow(answer.unwrap()).await
}

/// In one piece, then nothing more.
async fn came(text: &str, operation: Operation) -> Came {
    relayed(ended(open_stream("", [text.as_bytes()])), operation, true).await
}

/// [`CHAT`] without its finish.
fn unfinished() -> &'static str {
    let end = CHAT.find("data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},");
    CHAT.split_at(end.unwrap()).0
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input: Some(input),
        output: Some(output),
        ..Usage::default()
    }
}

#[tokio::test]
async fn streams_come_byte_for_byte_with_their_tally() {
    for (text, operation, tally) in [
        (
            [CHAT, CHAT_USAGE, DONE].concat(),
            Operation::ChatCompletions,
            Tally {
                usage: usage(11, 2),
                finish: Some(Finish::Length),
                mode: None,
            },
        ),
        (
            [MESSAGES, STOP].concat(),
            Operation::Messages,
            Tally {
                usage: Usage {
                    cached: Some(5),
                    ..usage(15, 7)
                },
                finish: Some(Finish::Stop),
                mode: None,
            },
        ),
        (
            [RESPONSES, COMPLETED].concat(),
            Operation::Responses,
            Tally {
                usage: Usage {
                    reasoning: Some(2),
                    ..usage(3, 4)
                },
                finish: Some(Finish::Stop),
                mode: None,
            },
        ),
        // No usage, and no [DONE] either.
        (
            CHAT.to_owned(),
            Operation::ChatCompletions,
            Tally {
                usage: Usage::default(),
                finish: Some(Finish::Length),
                mode: None,
            },
        ),
    ] {
        let came = came(&text, operation).await;
        assert_eq!(came.bytes, text);
        assert_eq!(came.end.unwrap(), tally);
    }
}

#[tokio::test]
async fn a_cut_at_any_byte_changes_nothing() {
    for (text, operation) in [
        (
            [CHAT, CHAT_USAGE, DONE].concat(),
            Operation::ChatCompletions,
        ),
        ([MESSAGES, STOP].concat(), Operation::Messages),
    ] {
        let whole = text.clone();
        // The body says where to cut.
        let script = Script::new(move |asked| {
            let at: usize = asked.body.parse().unwrap();
            let (first, second) = whole.as_bytes().split_at(at);
            let mut steps = open_stream("", [first]);
            steps.push(Step::Wait(Duration::from_millis(1)));
            steps.extend(ended(open_stream("", [second])).into_iter().skip(1));
            steps
        })
        .await;
        let http = script.http(Auth::Bearer);
        for at in 0..=text.len() {
            let request = Relay {
                body: at.to_string().into(),
                ..request(operation, true, true)
            };
            let came = flow(relay(&http, request).await.unwrap()).await;
            assert_eq!(
                (came.bytes.as_str(), came.end.is_ok()),
                (text.as_str(), true),
                "at {at}"
            );
        }
        assert_eq!(
            *script.connections.lock().unwrap(),
            1,
            "connections are used again"
        );
    }
}

#[tokio::test]
async fn only_the_chunk_that_was_not_asked_for_is_left_out() {
    let text = [CHAT, CHAT_USAGE, DONE].concat();
    let came = relayed(
        ended(open_stream("", [text.as_bytes()])),
        Operation::ChatCompletions,
        false,
    )
    .await;
    assert_eq!(came.bytes, [CHAT, DONE].concat());
    assert_eq!(came.end.unwrap().usage, usage(11, 2));
}

#[tokio::test]
async fn what_breaks_off_is_no_answer() {
    for (text, operation, partial, known) in [
        (
            unfinished(),
            Operation::ChatCompletions,
            "Hél😀lo",
            Usage::default(),
        ),
        (
            MESSAGES,
            Operation::Messages,
            "Hi",
            Usage {
                cached: Some(5),
                ..usage(15, 7)
            },
        ),
        (RESPONSES, Operation::Responses, "Hi", Usage::default()),
    ] {
        for end in [ended(vec![]), vec![Step::Close]] {
            let steps = open_stream("", [text.as_bytes()])
                .into_iter()
                .chain(end)
                .collect();
            let came = relayed(steps, operation, true).await;
            assert_eq!(came.bytes, text);
            let failure = came.end.unwrap_err();
            let broken = failure.partial.unwrap();
            assert_eq!(
                (failure.kind, broken.text.as_str(), broken.usage),
                (Kind::Truncated, partial, known)
            );
        }
    }
    let failure = came("", Operation::ChatCompletions).await.end.unwrap_err();
    assert_eq!((failure.kind, failure.partial), (Kind::Truncated, None));
}

#[tokio::test]
async fn an_error_event_is_a_failure_and_says_whether_another_can_take_over() {
    let overloaded = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let (start, _) = MESSAGES.split_at(MESSAGES.find("event: content_block_delta").unwrap());
    let early = came(&[start, overloaded].concat(), Operation::Messages).await;
    assert_eq!(
        (early.bytes.as_str(), early.before),
        (start, start.len()),
        "nothing of it is content"
    );
    let failure = early.end.unwrap_err();
    assert_eq!(
        (failure.kind, failure.status, failure.partial),
        (Kind::Overloaded, Some(529), None)
    );

    let late = came(&[MESSAGES, overloaded].concat(), Operation::Messages).await;
    assert_eq!(late.bytes, MESSAGES);
    assert_eq!(late.end.unwrap_err().partial.unwrap().text, "Hi");

    let error = format!(
        "data: {{\"error\":{{\"message\":\"no {KEY}\",\"type\":\"server_error\",\"code\":null}}}}\n\n"
    );
    let failure = came(&error, Operation::ChatCompletions)
        .await
        .end
        .unwrap_err();
    assert_eq!(
        (failure.status, failure.message.as_str()),
        (Some(500), "no ***")
    );

    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"x\"}}}\n\n";
    let failure = came(failed, Operation::Responses).await.end.unwrap_err();
    assert_eq!((failure.kind, failure.partial), (Kind::RateLimited, None));
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_given_up() {
    let mut steps = open_stream("", [unfinished().as_bytes()]);
    steps.push(Step::Hang);
    let failure = relayed(steps, Operation::ChatCompletions, true)
        .await
        .end
        .unwrap_err();
    assert_eq!(failure.kind, Kind::TimedOut);
    assert!(failure.partial.is_some());
}

#[tokio::test]
async fn a_whole_stream_does_not_wait_for_the_connection_to_end() {
    let text = [CHAT, DONE].concat();
    let mut steps = open_stream("", [text.as_bytes()]);
    steps.push(Step::Hang);
    let came = relayed(steps, Operation::ChatCompletions, true).await;
    assert_eq!((came.bytes, came.end.is_ok()), (text, true));
}

#[tokio::test]
async fn whoever_goes_away_in_mid_stream_ends_it_at_the_provider() {
    let mut steps = open_stream("", [CHAT.as_bytes()]);
    steps.push(Step::Hang);
    let script = Script::new(move |_| steps.clone()).await;
    let answer = relay(
        &script.http(Auth::Bearer),
        request(Operation::ChatCompletions, true, true),
    )
    .await;
    let Relayed::Stream { mut flow, .. } = answer.unwrap() else {
        panic!("no stream")
    };
    assert!(flow.next().await.unwrap().is_ok());
    drop(flow);
    script.gone().await;
}
