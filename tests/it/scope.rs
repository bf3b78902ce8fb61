//! Generated for every registered tool: whoever may not call it is refused, on every face, alike, and on the record.

use std::sync::Arc;

use serde_json::{Value, json};
use syndarix::{
    access::{NewToken, Principal},
    app::App,
    base::ids::{AgentId, ProjectId},
    project::Scope,
    tool::{Access, Caller, Face as Visible},
};

use super::support::{Face, Faces, Hub, Refusal, Rest, Session, Sse};

const SCOPED: [(&str, &str); 3] = [("other", "eve"), ("demo", "eve"), ("nowhere", "nobody")];

fn args(project: &str, agent: &str) -> Value {
    json!({"project_id": project, "agent_id": agent})
}

async fn refused(face: &dyn Face, server: &str, tool: &str, project: &str, agent: &str) -> Refusal {
    match face.call(server, tool, args(project, agent)).await {
        Err(refusal) => refusal,
        Ok(value) => panic!(
            "{} {tool} for {project}/{agent} was let in: {value}",
            face.name()
        ),
    }
}

/// How often each tool was refused so far.
async fn refusals(hub: &Hub, tool: &str) -> usize {
    hub.audit(&format!("tool={tool}&outcome=refused"))
        .await
        .len()
}

#[tokio::test]
async fn foreign_projects_foreign_agents_and_missing_scopes() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    hub.project("other", &["eve"]).await;
    let (ours, _) = hub.token(&["demo"], &["ann"], &["mcp:admin"]).await;
    let (none, _) = hub.token(&["demo"], &["ann"], &["hub:admin"]).await;
    let rest = |token: &str| Rest {
        http: hub.http.clone(),
        main: hub.main.clone(),
        token: token.into(),
    };
    let faces: [Box<dyn Face>; 3] = [
        Box::new(rest(&ours)),
        Box::new(Faces::<Session>::of(&hub, &ours)),
        Box::new(Faces::<Sse>::of(&hub, &ours)),
    ];
    let powerless: [Box<dyn Face>; 3] = [
        Box::new(rest(&none)),
        Box::new(Faces::<Session>::of(&hub, &none)),
        Box::new(Faces::<Sse>::of(&hub, &none)),
    ];
    let tools = hub.tools().await;
    assert!(tools.len() >= 30, "{tools:?}");
    for (server, tool) in &tools {
        for face in &faces {
            let mut answers = Vec::new();
            for (project, agent) in SCOPED {
                let mut refusal = refused(face.as_ref(), server, tool, project, agent).await;
                assert_eq!(refusal.code, "forbidden", "{tool}");
                // Everything but the request's own id must be the same: nothing tells what exists.
                refusal
                    .problem
                    .as_object_mut()
                    .unwrap()
                    .remove("request_id");
                answers.push(refusal);
            }
            assert!(
                answers.windows(2).all(|w| w[0] == w[1]),
                "{} {tool}: {answers:?}",
                face.name()
            );
        }
        for face in &powerless {
            let real = refused(face.as_ref(), server, tool, "demo", "ann").await;
            let foreign = refused(face.as_ref(), server, tool, "other", "eve").await;
            assert_eq!(
                (real.code.as_str(), &real.message),
                ("forbidden", &foreign.message),
                "{tool}"
            );
            assert!(real.message.contains("lacks the scope"), "{}", real.message);
        }
        assert_eq!(refusals(&hub, tool).await, 3 * SCOPED.len() + 6, "{tool}");
    }
}

#[tokio::test]
async fn revoked_and_expired_tokens() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let (revoked, id) = hub.token(&["demo"], &["ann"], &["mcp:admin"]).await;
    let wanted = json!({"name": "brief", "projects": ["demo"], "agents": ["ann"], "scopes": ["mcp:admin"], "expires_in_s": 1});
    let (_, expired) = hub.admin("POST", "/api/v1/tokens", wanted).await;
    let expired_id = expired["id"].as_str().unwrap().to_owned();
    let expired = expired["token"].as_str().unwrap().to_owned();
    // A session that was opened while the token was good dies with it.
    let session = Session::open(&hub.http, &hub.own["issues"], &revoked).await;
    let stream = Sse::open(&hub.http, &hub.own["issues"], &revoked).await;
    assert_eq!(
        hub.admin("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null)
            .await
            .0,
        204
    );
    assert_eq!(
        session.post("{}".into()).send().await.unwrap().status(),
        401
    );
    assert_eq!(stream.post(&revoked, "{}".into()).await, 401);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    for token in [revoked.as_str(), &expired, "syx_nonsense", ""] {
        for (server, tool) in hub.tools().await {
            let path = format!("/api/v1/servers/{server}/tools/{tool}");
            assert_eq!(
                hub.request(token, "POST", &path, args("demo", "ann"))
                    .await
                    .0,
                401,
                "{tool}"
            );
            for base in [hub.own[&server].clone(), format!("{}/{server}", hub.main)] {
                let post = hub
                    .http
                    .post(format!("{base}/mcp"))
                    .bearer_auth(token)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(post.status(), 401);
                assert!(
                    post.headers()["www-authenticate"]
                        .to_str()
                        .unwrap()
                        .starts_with("Bearer")
                );
                let get = hub
                    .http
                    .get(format!("{base}/sse"))
                    .bearer_auth(token)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(get.status(), 401);
            }
        }
    }
    for token in [id, expired_id] {
        let seen = hub
            .audit(&format!("principal_id={token}&outcome=refused"))
            .await;
        let faces: std::collections::BTreeSet<&str> =
            seen.iter().filter_map(|e| e["origin"].as_str()).collect();
        assert!(
            faces.into_iter().eq(["mcp", "rest"]),
            "each refusal is on the record: {seen:?}"
        );
    }
}

async fn principal(
    app: &App,
    projects: &[&str],
    agents: &[&str],
    scopes: &[&str],
) -> (Arc<Principal>, String) {
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let wanted = NewToken {
        name: "test".into(),
        projects: list(projects),
        agents: list(agents),
        scopes: list(scopes),
        ..NewToken::default()
    };
    let (token, info) = app.authority().create(wanted).await.unwrap();
    (
        app.authority().authenticate(token.reveal()).await.unwrap(),
        info.id,
    )
}

#[tokio::test]
async fn in_process() {
    let dir = tempfile::tempdir().unwrap();
    let data = format!("[storage]\ndata = {:?}\n", dir.path().join("data"));
    let settings = syndarix::config::Settings::parse(&data, "config.toml", false).unwrap();
    let app = App::open(settings).await.unwrap();
    for (project, agent) in [("demo", "ann"), ("other", "eve")] {
        let scope = Scope {
            project: ProjectId::new(project).unwrap(),
            agent: AgentId::new(agent).unwrap(),
        };
        app.projects()
            .create_project(&scope.project, "")
            .await
            .unwrap();
        app.projects().create_agent(&scope.agent, "").await.unwrap();
        app.projects().add_member(&scope).await.unwrap();
    }
    let (ours, _) = principal(&app, &["demo"], &["ann"], &["mcp:admin"]).await;
    let (powerless, _) = principal(&app, &["demo"], &["ann"], &["hub:admin"]).await;
    let (revoked, id) = principal(&app, &["demo"], &["ann"], &["mcp:admin"]).await;
    assert!(app.authority().revoke(&id).await.unwrap());
    let mut seen = 0;
    for server in app.registry().servers() {
        for tool in app.registry().every_tool(server) {
            let call = async |who: &Arc<Principal>, project: &str, agent: &str| {
                let args = args(project, agent).as_object().unwrap().clone();
                let error = app
                    .registry()
                    .call_json(tool.as_ref(), Caller::embedded(Arc::clone(who)), args)
                    .await;
                let error = error.expect_err(tool.spec().name);
                (error.code.as_str(), error.message)
            };
            let foreign = call(&ours, "other", "eve").await;
            assert_eq!(foreign.0, "forbidden");
            assert_eq!(foreign, call(&ours, "demo", "eve").await);
            assert_eq!(foreign, call(&ours, "nowhere", "nobody").await);
            assert_eq!(call(&powerless, "demo", "ann").await.0, "forbidden");
            assert_eq!(call(&revoked, "demo", "ann").await.0, "unauthenticated");
            let query = syndarix::audit::Query {
                tool: Some(tool.spec().name.into()),
                outcome: Some("refused".into()),
                ..Default::default()
            };
            assert_eq!(
                app.audit().find(&query, None, 200).await.unwrap().len(),
                5,
                "{}",
                tool.spec().name
            );
            seen += 1;
        }
    }
    assert!(seen >= 30);
    app.close().await;
}

#[tokio::test]
async fn a_client_sees_only_the_tools_that_it_may_call() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let (reader, _) = hub.token(&["demo"], &["*"], &["issues:read"]).await;
    let session = Session::open(&hub.http, &hub.own["issues"], &reader).await;
    let listed = session.request("tools/list", json!({})).await;
    let names: Vec<&str> = listed["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"list_issues") && !names.contains(&"create_issue"),
        "{names:?}"
    );
    let git = Session::open(&hub.http, &hub.own["git"], &reader).await;
    assert_eq!(
        git.request("tools/list", json!({})).await["result"]["tools"],
        json!([])
    );
}

#[tokio::test]
async fn a_bound_caller_need_not_name_project_and_agent() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    let (bound, _) = hub.token(&["demo"], &["ann"], &["mcp:write"]).await;
    let (wide, _) = hub.token(&["*"], &["*"], &["mcp:write"]).await;
    let title = json!({"title": "Short"});
    for face in [
        Box::new(Faces::<Session>::of(&hub, &bound)) as Box<dyn Face>,
        Box::new(Faces::<Sse>::of(&hub, &bound)),
    ] {
        assert!(
            face.call("issues", "create_issue", title.clone())
                .await
                .is_ok()
        );
    }
    let unbound = Faces::<Session>::of(&hub, &wide)
        .call("issues", "create_issue", title.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (
            unbound.code.as_str(),
            unbound.problem["errors"][0]["pointer"].as_str()
        ),
        ("invalid_argument", Some("/project_id"))
    );

    // Pinned by the endpoint's URL: the arguments are not advertised, and cannot leave the pin.
    let mut pinned = Session::open(&hub.http, &hub.own["issues"], &wide).await;
    pinned.url.push_str("?project_id=demo&agent_id=ann");
    let listed = pinned.request("tools/list", json!({})).await;
    assert!(!listed.to_string().contains("project_id\""), "{listed}");
    let call = |args: Value| json!({"name": "create_issue", "arguments": args});
    assert_eq!(
        pinned.request("tools/call", call(title)).await["result"]["isError"],
        false
    );
    let leave = json!({"title": "x", "project_id": "default", "agent_id": "default"});
    assert_eq!(
        pinned.request("tools/call", call(leave)).await["result"]["isError"],
        true
    );
}

#[test]
fn tools_for_other_servers_are_offered_to_no_client() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let data = format!("[storage]\ndata = {:?}\n", dir.path().join("data"));
        let settings = syndarix::config::Settings::parse(&data, "config.toml", false).unwrap();
        let app = App::open(settings).await.unwrap();
        let hidden: Vec<_> = app
            .registry()
            .servers()
            .flat_map(|s| app.registry().every_tool(s))
            .filter(|t| t.spec().face == Visible::InProcess)
            .collect();
        assert!(!hidden.is_empty());
        for tool in hidden {
            assert!(app.registry().find_any(tool.spec().name).is_none());
            assert!(tool.spec().access <= Access::Write);
        }
        app.close().await;
    });
}

#[tokio::test]
async fn every_resource_of_a_foreign_project_answers_like_none() {
    let hub = Hub::start().await;
    hub.project("demo", &["ann"]).await;
    hub.project("other", &["eve"]).await;
    let (ours, _) = hub.token(&["demo"], &["ann"], &["mcp:admin"]).await;
    let (none, _) = hub.token(&["demo"], &["ann"], &["hub:admin"]).await;
    let admin = Session::open(&hub.http, &hub.main, &hub.admin).await;
    let session = Session::open(&hub.http, &hub.main, &ours).await;
    let powerless = Session::open(&hub.http, &hub.main, &none).await;
    let listed = admin.request("resources/templates/list", json!({})).await;
    let templates = listed["result"]["resourceTemplates"].as_array().unwrap();
    assert!(templates.len() > 15);
    for template in templates {
        let path = template["uriTemplate"].as_str().unwrap();
        let (path, _) = path.split_once("{?").unwrap_or((path, ""));
        let at = |project: &str| {
            let mut uri = path.replace("{project_id}", project);
            while let (Some(from), Some(to)) = (uri.find('{'), uri.find('}')) {
                uri.replace_range(from..=to, "1");
            }
            uri
        };
        let refused = async |session: &Session, project: &str| {
            let params = json!({"uri": at(project)});
            let answer = session.request("resources/read", params).await;
            assert_eq!(answer["error"]["code"], -32002, "{path}: {answer}");
            answer["error"].to_string().replace(project, "X")
        };
        let there = refused(&session, "other").await;
        assert_eq!(there, refused(&session, "nowhere").await);
        refused(&powerless, "demo").await;
        let agent = json!({"uri": format!("{}?agent_id=eve", at("demo"))});
        let answer = session.request("resources/read", agent).await;
        assert_eq!(answer["error"]["code"], -32002, "{path}: {answer}");
    }
}
