//! Answers that come whole, and what must not come.

use bytes::Bytes;

use super::{
    super::super::{
        chat::{Finish, Usage},
        failure::Kind,
        http::{
            Auth,
            script::{KEY, Script, json},
        },
        prices::Mode,
        upstream::{Operation, Relayed, Tally},
    },
    super::{path, relay},
    CHAT, came, request, usage,
};

#[tokio::test]
async fn whole_answers_come_byte_for_byte_too() {
    for (operation, body, tally) in [
        (
            Operation::ChatCompletions,
            r#"{ "choices":[{"message":{"content":"x"},"finish_reason":"tool_calls"}], "n": 1.50,"service_tier":"flex","usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
            Tally {
                usage: usage(3, 4),
                finish: Some(Finish::ToolCalls),
                mode: Some(Mode::Flex),
            },
        ),
        (
            Operation::Embeddings,
            r#"{"data":[{"embedding":"AAAA"}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
            Tally {
                usage: Usage {
                    input: Some(3),
                    ..Usage::default()
                },
                finish: None,
                mode: None,
            },
        ),
        (
            Operation::Messages,
            r#"{"type":"message","content":[],"stop_reason":"refusal","usage":{"input_tokens":3,"output_tokens":4,"service_tier":"batch"}}"#,
            Tally {
                usage: usage(3, 4),
                finish: Some(Finish::ContentFilter),
                mode: Some(Mode::Batch),
            },
        ),
        (
            Operation::CountTokens,
            r#"{"input_tokens": 9}"#,
            Tally::default(),
        ),
        (
            Operation::Responses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"error":null,"service_tier":"priority","usage":{"input_tokens":3,"output_tokens":4}}"#,
            Tally {
                usage: usage(3, 4),
                finish: Some(Finish::Length),
                mode: Some(Mode::Priority),
            },
        ),
    ] {
        let headers = "x-request-id: r1\r\nx-ratelimit-remaining-requests: 5\r\nset-cookie: a=b\r\nopenai-organization: org\r\n";
        let script = Script::new(move |_| json(200, headers, body)).await;
        let answer = relay(&script.http(Auth::Bearer), request(operation, false, false))
            .await
            .unwrap();
        let Relayed::Whole {
            body: came,
            headers,
            tally: heard,
        } = answer
        else {
            panic!("no whole answer")
        };
        assert_eq!((came, heard), (Bytes::from(body), tally));
        let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(
            names,
            ["x-upstream-request-id", "x-ratelimit-remaining-requests"]
        );
        let asked = script.last();
        assert_eq!(asked.body, "{ \"model\":\"m\" , \"x\":1.50}");
        assert!(
            asked
                .head
                .starts_with(&format!("post /v1/{} ", path(operation)))
        );
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_a_failure() {
    for (body, stream, kind) in [
        ("<html>", false, Kind::Broken),
        (
            r#"{"error":{"message":"x","code":429}}"#,
            false,
            Kind::RateLimited,
        ),
        (
            r#"{"error":{"message":"x","code":429}}"#,
            true,
            Kind::RateLimited,
        ),
        (r#"{"choices":[]}"#, true, Kind::Broken),
    ] {
        let script = Script::new(move |_| json(200, "", body)).await;
        let answer = relay(
            &script.http(Auth::Bearer),
            request(Operation::ChatCompletions, stream, true),
        )
        .await;
        assert_eq!(answer.err().unwrap().kind, kind, "{body}");
    }
}

#[tokio::test]
async fn no_key_comes_back() {
    let body = format!(r#"{{"choices":[{{"message":{{"content":"your key is {KEY}"}}}}]}}"#);
    let script = Script::new(move |_| json(200, &format!("x-request-id: {KEY}\r\n"), &body)).await;
    let answer = relay(
        &script.http(Auth::Bearer),
        request(Operation::ChatCompletions, false, false),
    )
    .await;
    let Relayed::Whole { body, headers, .. } = answer.unwrap() else {
        panic!("no whole answer")
    };
    assert_eq!(
        body,
        r#"{"choices":[{"message":{"content":"your key is ***"}}]}"#
    );
    assert_eq!(headers["x-upstream-request-id"], "***");
    let text = CHAT.replace("extra", KEY);
    assert_eq!(
        came(&text, Operation::ChatCompletions).await.bytes,
        CHAT.replace("extra", "***")
    );
}
