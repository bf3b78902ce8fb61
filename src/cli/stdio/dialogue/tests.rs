//! Dialogues with hubs that go away.

use super::*;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn send(dialogue: &mut Dialogue, line: &str) {
    let message = dialogue.read(line.to_owned()).unwrap().unwrap();
    dialogue.sending(&message);
}

#[test]
fn what_is_no_message_is_answered() {
    let dialogue = Dialogue::default();
    for (line, code) in [("{", "-32700"), ("[]", "-32600"), ("{}", "-32600")] {
        let said = dialogue.read(line.into()).unwrap_err();
        assert!(
            said.contains(code) && said.contains(r#""id":null"#),
            "{said}"
        );
    }
}

#[test]
fn the_next_hub_gets_the_handshake_and_the_client_no_second_answer() {
    let mut dialogue = Dialogue::default();
    send(&mut dialogue, INITIALIZE);
    let answer = r#"{"jsonrpc":"2.0","id":0,"result":{}}"#;
    assert!(dialogue.receive(answer.into()).is_some());
    send(&mut dialogue, INITIALIZED);
    send(
        &mut dialogue,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#,
    );
    let (errors, replay) = (dialogue.lost(), dialogue.session());
    assert!(
        errors.len() == 1 && errors[0].contains("\"id\":7") && errors[0].contains("call again")
    );
    let texts: Vec<&str> = replay.iter().map(|m| m.text.as_str()).collect();
    assert_eq!(texts, [INITIALIZE, INITIALIZED]);
    for message in &replay {
        dialogue.sending(message);
    }
    assert!(!dialogue.is_waiting());
    assert_eq!(dialogue.receive(answer.into()), None);
}

#[test]
fn an_unanswered_handshake_is_answered_by_the_next_hub() {
    let mut dialogue = Dialogue::default();
    send(&mut dialogue, INITIALIZE);
    assert!(dialogue.lost().is_empty() && dialogue.is_waiting());
    let replay = dialogue.session();
    dialogue.sending(&replay[0]);
    let answer = r#"{"jsonrpc":"2.0","id":0,"result":{}}"#;
    assert!(dialogue.receive(answer.into()).is_some());
}

#[test]
fn subscriptions_last_until_they_are_ended_or_refused() {
    let mut dialogue = Dialogue::default();
    let subscribe = |id: u64, verb: &str, uri: &str| {
        json!({"jsonrpc": "2.0", "id": id, "method": format!("resources/{verb}"), "params": {"uri": uri}})
            .to_string()
    };
    let answer = |id: u64, key: &str| json!({"jsonrpc": "2.0", "id": id, key: {}}).to_string();
    for (id, verb, uri, key) in [
        (1, "subscribe", "a:1", "result"),
        (2, "subscribe", "a:2", "result"),
        (3, "subscribe", "a:3", "error"),
        (4, "unsubscribe", "a:1", "result"),
    ] {
        send(&mut dialogue, &subscribe(id, verb, uri));
        assert!(dialogue.receive(answer(id, key)).is_some());
    }
    assert!(dialogue.lost().is_empty());
    let replay = dialogue.session();
    let texts: Vec<&str> = replay.iter().map(|m| m.text.as_str()).collect();
    assert_eq!(texts, [subscribe(2, "subscribe", "a:2")]);
    dialogue.sending(&replay[0]);
    assert_eq!(dialogue.receive(answer(2, "result")), None);
    assert_eq!(dialogue.session().len(), 1);
}

#[test]
fn no_hub_gets_an_answer_meant_for_another() {
    let mut dialogue = Dialogue::default();
    let asked = r#"{"jsonrpc":"2.0","id":3,"method":"elicitation/create"}"#;
    let shown: Value = serde_json::from_str(&dialogue.receive(asked.into()).unwrap()).unwrap();
    let answer = json!({"jsonrpc": "2.0", "id": shown["id"], "result": {}}).to_string();
    let sent = dialogue.read(answer.clone()).unwrap().unwrap();
    assert!(sent.text.contains("\"id\":3") && sent.kind == Kind::Response);
    dialogue.lost();
    assert!(dialogue.read(answer).unwrap().is_none());
}

#[test]
fn cancelled_requests_and_subscriptions_are_not_waited_for() {
    let mut dialogue = Dialogue::default();
    send(
        &mut dialogue,
        r#"{"jsonrpc":"2.0","id":"a","method":"subscriptions/listen"}"#,
    );
    assert!(!dialogue.is_waiting());
    send(
        &mut dialogue,
        r#"{"jsonrpc":"2.0","id":"b","method":"tools/call"}"#,
    );
    assert!(dialogue.is_waiting());
    send(
        &mut dialogue,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"b"}}"#,
    );
    assert!(!dialogue.is_waiting());
}
