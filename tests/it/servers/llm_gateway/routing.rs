//! Who of a route's targets is asked, and how often anybody is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    body, hub,
    upstream::{Act, Upstream, fails, says},
};
use crate::support::{Hub, eventually};

async fn ask(hub: &Hub, model: &str) -> (u16, Value) {
    let call = body(model, "hello");
    let answer = hub.v1("chat/completions", &call).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_fastest_is_asked_once_all_are_known_and_weights_share_calls_out() {
    let slow = Upstream::start(Act::After(150, Box::new(says("slow", 1, 1)))).await;
    let fast = Upstream::start(says("fast", 1, 1)).await;
    let routes = "[servers.llm_gateway.routes.fast]\ntargets = [\"m0\", \"m1\"]\nstrategy = \"latency\"\n\
                  [servers.llm_gateway.routes.shared]\nstrategy = \"weighted\"\n\
                  targets = [{ model = \"p0/other\", weight = 1 }, { model = \"m1\", weight = 3 }]\n";
    let hub = hub(&[&slow, &fast], routes).await;
    for _ in 0..8 {
        assert_eq!(ask(&hub, "fast").await.0, 200);
    }
    assert_eq!((slow.count(), fast.count()), (1, 7));
    slow.always(says("slow", 1, 1));
    for _ in 0..120 {
        assert_eq!(ask(&hub, "shared").await.0, 200);
    }
    // Thirty of 120, give or take more than five standard deviations.
    assert!((5..=55).contains(&(slow.count() - 1)), "{}", slow.count());
    assert_eq!(slow.count() + fast.count(), 128);
}

#[tokio::test]
async fn nothing_more_is_tried_after_the_deadline() {
    let upstream = Upstream::start(Act::After(400, Box::new(fails(500, "broken")))).await;
    let route = "[servers.llm_gateway.routes.short]\ntargets = [\"m0\"]\n\
                 retry = { rounds = 50, base_ms = 1, deadline_seconds = 1 }\ncooldown = { failures = 100, seconds = 1 }\n";
    let hub = hub(&[&upstream], route).await;
    let asked = Instant::now();
    assert!(ask(&hub, "short").await.0 >= 500);
    assert!(
        asked.elapsed() < Duration::from_millis(2500),
        "{:?}",
        asked.elapsed()
    );
    assert!((2..=3).contains(&upstream.count()), "{}", upstream.count());
}

#[tokio::test]
async fn what_a_target_cannot_do_goes_to_the_next_and_is_never_left_out() {
    let small = Upstream::start(says("small", 1, 1)).await;
    let able = Upstream::start(says("able", 1, 1)).await;
    let more = "[servers.llm_gateway.models.small]\nprovider = \"p0\"\nmodel = \"up\"\n\
                max_input_tokens = 50\nimages = false\ntools = false\nstructured_output = false\n\
                [servers.llm_gateway.routes.able]\ntargets = [\"small\", \"m1\"]\n\
                [servers.llm_gateway.routes.unable]\ntargets = [\"small\", \"small\"]\n";
    let hub = hub(&[&small, &able], more).await;
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let function =
        json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    let schema =
        json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}});
    let calls = [
        (
            "images",
            json!({"messages": user(json!([{"type": "text", "text": "?"}, image]))}),
        ),
        (
            "tools",
            json!({"messages": user("?".into()), "tools": [function]}),
        ),
        (
            "structured output",
            json!({"messages": user("?".into()), "response_format": schema}),
        ),
        (
            "so much input",
            json!({"messages": user("word ".repeat(200).into())}),
        ),
    ];
    for (lacking, mut call) in calls {
        call["model"] = "able".into();
        let answer = hub.v1("chat/completions", &call).send().await.unwrap();
        let said: Value = answer.json().await.unwrap();
        assert_eq!(
            said["choices"][0]["message"]["content"], "able",
            "{lacking}: {said}"
        );
        let mut came = able.came().pop().unwrap().body;
        came["model"] = "able".into();
        assert_eq!(came, call, "nothing is left out");
        call["model"] = "unable".into();
        let answer = hub.v1("chat/completions", &call).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let said = answer.text().await.unwrap();
        assert!(said.contains(lacking), "{said}");
    }
    assert_eq!(small.count(), 0);
    assert_eq!(
        ask(&hub, "able").await.1["choices"][0]["message"]["content"],
        "small"
    );
    // What only the provider knows to be too long, too.
    let told = json!({"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}});
    small.next([Act::Answer(400, Vec::new(), told.to_string())]);
    assert_eq!(
        ask(&hub, "able").await.1["choices"][0]["message"]["content"],
        "able"
    );
    small.next([Act::Answer(400, Vec::new(), told.to_string())]);
    let alone = ask(&hub, "small").await;
    assert_eq!(
        (alone.0, &alone.1["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
    let explained = hub
        .llm(
            "explain_route",
            json!({"model": "able", "input_tokens": 51}),
        )
        .await;
    let eligible: Vec<_> = explained["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["eligible"])
        .collect();
    assert_eq!(eligible, [false, true], "{explained}");
}

#[tokio::test]
async fn rates_are_limited_by_provider_project_agent_and_token() {
    let upstream = Upstream::start(says("yes", 1, 1)).await;
    let other = Upstream::start(says("other", 1, 1)).await;
    let more = format!(
        "[servers.llm_gateway.providers.tight]\nkind = \"openai\"\nbase_url = \"{0}/v1\"\nrpm = 1\n\
         [servers.llm_gateway.providers.single]\nkind = \"openai\"\nbase_url = \"{0}/v1\"\nmax_concurrency = 1\n\
         [servers.llm_gateway.routes.spread]\ntargets = [\"tight/up\", \"m1\"]\n\
         [[servers.llm_gateway.limits]]\nproject = \"few\"\nrpm = 2\n\
         [[servers.llm_gateway.limits]]\nagent = \"bob\"\ntpm = 30\n",
        upstream.url
    );
    let hub = hub(&[&upstream, &other], &more).await;
    hub.project("few", &["ann", "cyd"]).await;
    hub.project("many", &["bob"]).await;

    // A provider's: the next target answers; without one, the caller is told when to come back.
    let said = [ask(&hub, "spread").await.1, ask(&hub, "spread").await.1];
    let said = said.map(|said| said["choices"][0]["message"]["content"].clone());
    assert_eq!(said, ["yes", "other"]);
    let answer = hub
        .v1("chat/completions", &body("tight/up", "x"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["error"]["code"], "rate_limit_exceeded", "{told}");

    let of = async |project: &str, agent: &str| {
        let call = hub
            .v1("chat/completions", &body("m0", "hello"))
            .header("x-project-id", project)
            .header("x-agent-id", agent);
        call.send().await.unwrap().status().as_u16()
    };
    assert_eq!(
        [
            of("few", "ann").await,
            of("few", "cyd").await,
            of("few", "ann").await
        ],
        [200, 200, 429]
    );
    assert_eq!(of("default", "default").await, 200, "not another's");
    // About ten tokens and ten more each, of which two are used.
    let passed = [of("many", "bob").await, of("many", "bob").await];
    assert_eq!(passed, [200, 200]);
    let long = hub
        .v1("chat/completions", &body("m0", &"word ".repeat(100)))
        .header("x-project-id", "many")
        .header("x-agent-id", "bob");
    assert_eq!(long.send().await.unwrap().status(), 429);

    // One at a time.
    upstream.next([Act::Hang]);
    let hanging = tokio::spawn(hub.v1("chat/completions", &body("single/up", "x")).send());
    eventually("the provider is asked", || async { upstream.open() == 1 }).await;
    assert_eq!(ask(&hub, "single/up").await.0, 429);
    hanging.abort();
    eventually("the slot to be free", || async {
        ask(&hub, "single/up").await.0 == 200
    })
    .await;
}
