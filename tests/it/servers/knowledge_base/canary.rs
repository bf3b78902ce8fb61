//! Two projects with the same documents and memories: whoever works in one cannot tell whether there is the other. The same
//! calls are made on a hub where a project is alone and on one where another came before, and are answered the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{mock, verified};
use crate::support::{Hub, Session};

/// Documents that both projects have.
const TEXTS: [&str; 3] = [
    "# Deploying\n\nThe gateway is restarted with care, and the canary sings.",
    "# Backups\n\nEvery night the gateway's database is copied. Restoring is tried once a month.",
    "Plain words about a gateway, a canary and a database.",
];
const MEMORY: &str = "The canary is released on Tuesdays, after the gateway's backup.";

/// The end of ids that nothing has.
const NONE: &str = "0198c0de00007000800000000000";

/// What tells two runs of the same calls apart in any case: times, and the place in the order of all changes, which is no
/// secret, as every change answers with it.
const OWN: [&str; 6] = [
    "request_id",
    "seq",
    "index_seq",
    "valid_from",
    "valid_until",
    "next_cursor",
];

/// The answers to one project's calls, in which ids are numbered in the order in which they were seen.
struct Transcript<'h> {
    hub: &'h Hub,
    project: &'static str,
    token: String,
    ids: BTreeMap<String, String>,
    tools: BTreeSet<String>,
    lines: Vec<Value>,
}

impl Transcript<'_> {
    /// Calls a tool, notes what it answered and returns it as it was.
    async fn call(&mut self, tool: &str, mut args: Value) -> Value {
        args["project_id"] = self.project.into();
        args["agent_id"] = "ann".into();
        let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
        let (status, answer) = self.hub.request(&self.token, "POST", &path, args).await;
        self.tools.insert(tool.to_owned());
        self.note(json!({"call": tool, "status": status, "answer": answer}));
        answer
    }

    fn note(&mut self, mut line: Value) {
        self.plain(&mut line);
        self.lines.push(line);
    }

    /// Without what differs by itself.
    fn plain(&mut self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, _| !OWN.contains(&key.as_str()) && !key.ends_with("_at"));
                map.values_mut().for_each(|value| self.plain(value));
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.plain(value)),
            // A memory's rank falls with every moment.
            Value::Number(n) if n.is_f64() => {
                *value = format!("{:.5}", n.as_f64().unwrap()).into();
            }
            Value::String(text) => {
                // Resources and prompts carry answers as text.
                if let Ok(mut inner @ Value::Object(_)) = serde_json::from_str(text) {
                    self.plain(&mut inner);
                    *value = inner;
                    return;
                }
                let mut out = text.replace(self.project, "PROJECT");
                for prefix in ["doc_", "chk_", "job_", "src_"] {
                    let mut from = 0;
                    while let Some(at) = out[from..].find(prefix).map(|at| at + from) {
                        let end = out[at..]
                            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                            .map_or(out.len(), |n| at + n);
                        let next = format!("{prefix}{}", self.ids.len());
                        let id = out[at..end].to_owned();
                        let name = self.ids.entry(id).or_insert(next).clone();
                        out.replace_range(at..end, &name.to_uppercase());
                        from = at + name.len();
                    }
                }
                *value = out.into();
            }
            _ => {}
        }
    }
}

fn id(answer: &Value, pointer: &str) -> String {
    let id = answer.pointer(pointer).and_then(Value::as_str);
    id.unwrap_or_else(|| panic!("{pointer} of {answer}"))
        .to_owned()
}

/// Everything that a member of a project can do with the knowledge base.
async fn script<'h>(hub: &'h Hub, project: &'static str) -> Transcript<'h> {
    let (token, _) = hub
        .token(&[project], &["ann"], &["knowledge_base:admin"])
        .await;
    let mut told = Transcript {
        hub,
        project,
        token,
        ids: BTreeMap::new(),
        tools: BTreeSet::new(),
        lines: Vec::new(),
    };
    let mut first = Value::Null;
    for (n, text) in TEXTS.iter().enumerate() {
        let sent = json!({"source": {"text": text}, "external_id": format!("doc {n}"), "metadata": {"tags": ["canary"]}});
        first = told.call("add_document", sent).await;
    }
    let document = id(&first, "/document_id");
    let batch = json!({"wait_ms": 20_000, "documents": [
        {"source": {"text": TEXTS[0]}, "external_id": "doc 0"},
        {"source": {"text": TEXTS[1]}, "external_id": "another"},
        {"source": {"path": "not/there.md"}},
    ]});
    let job = told.call("add_documents", batch).await;
    let sent = json!({"id": job["job_id"], "show": "all"});
    told.call("get_knowledge_job", sent).await;
    told.call("get_knowledge_job", json!({"id": format!("job_{NONE}")}))
        .await;
    for _twice in 0..2 {
        let sent = json!({"source": {"folder": {"name": "shared"}}, "wait_ms": 20_000});
        told.call("sync_source", sent).await;
    }
    let memory = json!({"text": MEMORY, "type": "fact", "tags": ["canary"]});
    let saved = told.call("save_memory", memory.clone()).await;
    verified(hub).await;
    told.call("save_memory", memory).await;
    let near = json!({"text": format!("{MEMORY} Always."), "type": "fact"});
    told.call("save_memory", near.clone()).await;
    let mut kept = near;
    kept["if_similar"] = "save".into();
    told.call("save_memory", kept).await;
    verified(hub).await;

    let sent = json!({"query": "gateway", "mode": "lexical"});
    let hits = told.call("search_knowledge", sent).await;
    for sent in [
        json!({"query": "gateway canary database"}),
        json!({"query": "restoring backups", "scope": "project", "filters": {"tags": ["canary"]}}),
        json!({"query": "gateway", "mode": "semantic", "limit": 3}),
        json!({"query": "gateway", "mode": "lexical", "limit": 1}),
        json!({"query": "nothing like it"}),
    ] {
        told.call("search_knowledge", sent).await;
    }
    let sent = json!({"query": "gateway canary", "max_tokens": 500});
    told.call("get_context", sent).await;
    told.call("list_documents", json!({})).await;
    told.call("list_documents", json!({"text": "backups", "limit": 1}))
        .await;
    let sent = json!({"document_id": document});
    told.call("get_document", sent.clone()).await;
    told.call("read_knowledge", sent).await;
    let chunk = id(&hits, "/hits/0/chunk_id");
    told.call("read_knowledge", json!({"chunk_id": chunk, "neighbors": 2}))
        .await;
    for sent in [
        json!({"query": "when is the canary released"}),
        json!({"history": true}),
        json!({"tags": ["canary"]}),
    ] {
        told.call("recall_memory", sent).await;
    }
    told.call("export_knowledge", json!({})).await;
    for tool in ["knowledge_stats", "verify_knowledge", "reindex_knowledge"] {
        told.call(tool, json!({})).await;
    }
    offers(&mut told, &document).await;

    for change in [
        json!({"title": "Another title", "collection": "songs"}),
        json!({"metadata": {"tags": ["other"]}}),
    ] {
        let mut sent = change;
        sent["document_id"] = document.clone().into();
        told.call("update_document", sent).await;
    }
    for sent in [
        json!({"filter": {"tags": ["canary"]}, "dry_run": true}),
        json!({"filter": {"collection": "songs"}, "dry_run": true}),
        json!({"ids": [document, format!("doc_{NONE}")]}),
        json!({"filter": {"tags": ["canary"]}}),
        json!({"ids": [document], "purge": true}),
    ] {
        told.call("delete_document", sent).await;
    }
    let listed = told.call("list_documents", json!({"text": "lay"})).await;
    let of_source = id(&listed, "/items/0/document_id");
    let got = told
        .call("get_document", json!({"document_id": of_source}))
        .await;
    let sent = json!({"source_id": got["source_id"], "purge": true});
    told.call("delete_document", sent).await;
    let sent = json!({"memory_id": saved["memory_id"]});
    told.call("forget_memory", sent.clone()).await;
    told.call("forget_memory", sent).await;
    verified(hub).await;
    told.call("search_knowledge", json!({"query": "gateway canary"}))
        .await;
    told.call("list_documents", json!({})).await;
    told.call("recall_memory", json!({})).await;
    told
}

/// Resources, prompts and completions.
async fn offers(told: &mut Transcript<'_>, document: &str) {
    let base = &told.hub.own["knowledge_base"];
    let session = Session::open(&told.hub.http, base, &told.token).await;
    let root = format!("project://{}", told.project);
    let listed = session.request("resources/list", json!({})).await;
    told.note(listed);
    for uri in [
        format!("{root}/knowledge"),
        format!("{root}/knowledge/search/gateway"),
        format!("{root}/knowledge/{document}"),
    ] {
        let read = session.request("resources/read", json!({"uri": uri})).await;
        told.note(read);
    }
    let sent = json!({"name": "answer_from_knowledge", "arguments": {"question": "What does the canary do?"}});
    let prompt = session.request("prompts/get", sent).await;
    told.note(prompt);
    let templates = session.request("resources/templates/list", json!({})).await;
    let all = templates["result"]["resourceTemplates"].as_array().unwrap();
    for template in all {
        for argument in ["document_id", "collection"] {
            let sent = json!({"ref": {"type": "ref/resource", "uri": template["uriTemplate"]},
                "argument": {"name": argument, "value": ""}});
            let completed = session.request("completion/complete", sent).await;
            told.note(completed);
        }
    }
}

async fn hub(folder: &std::path::Path) -> Hub {
    let mut settings = mock(8);
    let own = settings.servers.get_mut("knowledge_base").unwrap();
    own.push_str(&format!("folders = {{ shared = {folder:?} }}\n"));
    let hub = Hub::with(settings).await;
    hub.project("ours", &["ann"]).await;
    hub
}

#[tokio::test]
async fn nobody_can_tell_what_other_projects_have() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("song.md"), TEXTS[2]).unwrap();
    std::fs::write(folder.path().join("lay.md"), "# Lay\n\nThe gateway's lay.").unwrap();
    let alone = hub(folder.path()).await;
    let expected = script(&alone, "ours").await;
    let refused = expected.lines.iter().filter(|line| {
        line["status"].as_u64().is_some_and(|status| status != 200) || !line["error"].is_null()
    });
    let refused: Vec<&str> = refused.filter_map(|line| line["call"].as_str()).collect();
    assert_eq!(
        refused,
        [
            "get_knowledge_job",
            "knowledge_stats",
            "verify_knowledge",
            "reindex_knowledge",
            "forget_memory"
        ],
        "everything else was answered"
    );
    let missing: Vec<String> = alone
        .tools()
        .await
        .into_iter()
        .filter(|(server, tool)| server == "knowledge_base" && !expected.tools.contains(tool))
        .map(|(_, tool)| tool)
        .collect();
    assert_eq!(missing, [""; 0], "call them in the script");

    let shared = hub(folder.path()).await;
    shared.project("theirs", &["ann"]).await;
    let theirs = script(&shared, "theirs").await;
    // What the script deletes at its end is there again, and more of the same words.
    let (token, _) = shared
        .token(&["theirs"], &["ann"], &["knowledge_base:write"])
        .await;
    let mut more = Transcript { token, ..theirs };
    for n in 0..20 {
        let text = TEXTS[n % 3];
        let sent =
            json!({"source": {"text": format!("{text} {n}")}, "external_id": format!("doc {n}")});
        more.call("add_document", sent).await;
        let text = format!("{MEMORY} {n}");
        let sent = json!({"text": text, "type": "fact", "if_similar": "save"});
        more.call("save_memory", sent).await;
    }
    verified(&shared).await;
    let ours = script(&shared, "ours").await;
    for (ours, expected) in ours.lines.iter().zip(&expected.lines) {
        assert_eq!(ours, expected);
    }
    assert_eq!(ours.lines.len(), expected.lines.len());
    for other in more.ids.keys().filter(|id| !id.ends_with(NONE)) {
        assert!(!ours.ids.contains_key(other), "{other} shows");
    }

    // Their ids answer like ids that there are not, with every tool that takes one.
    let listed = more.call("list_documents", json!({})).await;
    let document = id(&listed, "/items/0/document_id");
    let recalled = more.call("recall_memory", json!({})).await;
    let memory = id(&recalled, "/memories/0/memory_id");
    let job = more
        .call(
            "add_documents",
            json!({"documents": [{"source": {"text": "x"}}]}),
        )
        .await;
    let job = id(&job, "/job_id");
    for (tool, key, id) in [
        ("get_document", "document_id", &document),
        ("delete_document", "document_id", &document),
        ("read_knowledge", "document_id", &document),
        ("update_document", "document_id", &document),
        ("forget_memory", "memory_id", &memory),
        ("get_knowledge_job", "id", &job),
    ] {
        let answer = async |id: &str| {
            let mut sent = json!({"project_id": "ours", "agent_id": "ann"});
            sent[key] = id.into();
            let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
            let (status, mut answer) = shared.request(&ours.token, "POST", &path, sent).await;
            answer.as_object_mut().unwrap().remove("request_id");
            (status, answer.to_string().replace(id, "ID"))
        };
        let none = format!("{}{NONE}", &id[..4]);
        assert_eq!(answer(id).await, answer(&none).await, "{tool}");
    }
}
