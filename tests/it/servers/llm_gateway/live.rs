//! The gateway follows its settings while it runs.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    body, providers,
    upstream::{Act, Upstream, says},
};
use crate::support::{Hub, Settings, Sse, eventually};

fn settings(upstream: &Upstream, more: &str) -> Settings {
    let lines = format!("{}{more}", providers(&[upstream]));
    Settings::default().server("llm_gateway", &lines)
}

impl Hub {
    /// Lets the hub follow `settings`, and waits until its log says `word` once more.
    async fn follows(&self, settings: &Settings, word: &str) {
        let times = || self.log().matches(word).count();
        let before = times();
        self.configure(settings);
        self.signal(Signal::HUP);
        eventually(word, || async { times() > before }).await;
    }
}

async fn ask(hub: &Hub, call: &Value) -> (u16, String) {
    let answer = hub.v1("chat/completions", call).send().await.unwrap();
    let status = answer.status().as_u16();
    let said: Value = answer.json().await.unwrap();
    let text = said["choices"][0]["message"]["content"].as_str();
    (status, text.unwrap_or_default().to_owned())
}

const CHANGED: &str = "the settings of llm_gateway were changed";

#[tokio::test]
async fn providers_limits_budgets_cache_and_log_change_and_calls_end_as_they_began() {
    let old = Upstream::start(Act::After(1500, Box::new(says("old", 1, 1)))).await;
    let new = Upstream::start(says("new", 1, 1)).await;
    let hub = Hub::with(settings(&old, "")).await;
    let stream = Sse::open(&hub.http, &hub.main, &hub.admin).await;
    let models = json!({"uri": "project://default/llm/models"});
    let done = stream.request("resources/subscribe", models).await;
    assert!(done.get("error").is_none(), "{done}");

    let call = body("all", "hello");
    let running = tokio::spawn(hub.v1("chat/completions", &call).send());
    eventually("the old provider is asked", || async { old.open() == 1 }).await;
    let more = "[servers.llm_gateway.cache]\nmode = \"exact\"\n[servers.llm_gateway.log]\nbodies = \"full\"\n";
    hub.follows(&settings(&new, more), CHANGED).await;
    assert_eq!(ask(&hub, &call).await, (200, "new".into()));
    assert_eq!(ask(&hub, &call).await, (200, "new".into()));
    assert_eq!(new.count(), 1, "the second came from the cache");
    let ended = running.await.unwrap().unwrap();
    let id = ended.headers()["x-syndarix-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(ended.text().await.unwrap().contains("old"));
    let kept = hub.llm("get_request", json!({"request_id": id})).await;
    assert!(kept.get("request_body").is_none(), "{kept}");
    eventually("the news", || async {
        let said = stream.notifications.lock().unwrap();
        said.iter()
            .any(|n| n["params"]["uri"] == "project://default/llm/models")
    })
    .await;

    let budget =
        "[[servers.llm_gateway.budgets]]\nname = \"two\"\nrequests = 2\nperiod = \"total\"\n";
    hub.follows(&settings(&new, budget), CHANGED).await;
    let statuses = [
        ask(&hub, &call).await.0,
        ask(&hub, &call).await.0,
        ask(&hub, &call).await.0,
    ];
    assert_eq!(statuses, [200, 200, 429]);
    // The budget is gone and comes back: what is spent stays spent.
    let limit = "[[servers.llm_gateway.limits]]\nagent = \"*\"\nrpm = 1\n";
    hub.follows(&settings(&new, limit), CHANGED).await;
    assert_eq!(
        [ask(&hub, &call).await.0, ask(&hub, &call).await.0],
        [200, 429]
    );
    hub.follows(&settings(&new, budget), CHANGED).await;
    assert_eq!(ask(&hub, &call).await.0, 429);
    hub.follows(&settings(&new, ""), CHANGED).await;
    assert_eq!(ask(&hub, &call).await.0, 200);
}

#[tokio::test]
async fn settings_that_do_not_hold_are_refused_and_the_old_ones_stay() {
    let upstream = Upstream::start(says("yes", 1, 1)).await;
    let hub = Hub::with(settings(&upstream, "")).await;
    let route = "[servers.llm_gateway.routes.lost]\ntargets = [\"nowhere\"]\n";
    hub.follows(&settings(&upstream, route), "no model is called")
        .await;
    assert!(hub.log().contains("nothing changed"));
    let budget = "[[servers.llm_gateway.budgets]]\nname = \"x\"\nrequests = 0\nperiod = \"day\"\ntz = \"Mars/Dust\"\n";
    hub.follows(&settings(&upstream, budget), "is no time zone")
        .await;
    // Nor is half of it taken, where another server is what fails.
    let taken = hub.own["issues"].trim_start_matches("http://").to_owned();
    let none = "[[servers.llm_gateway.budgets]]\nname = \"none\"\nrequests = 0\nperiod = \"day\"\n";
    hub.follows(
        &settings(&upstream, "").server("git", "enabled = false"),
        "the server was disabled",
    )
    .await;
    let clash = settings(&upstream, none).server("git", &format!("listen = \"{taken}\""));
    hub.follows(&clash, "is in use").await;
    assert_eq!(ask(&hub, &body("all", "hello")).await, (200, "yes".into()));
}
