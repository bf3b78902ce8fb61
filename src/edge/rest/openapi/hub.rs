//! The operations that call no tool.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{
    super::{
        admin::{NewNamed, Page},
        audit::NDJSON,
        events::{EventPage, Part},
    },
    add, answer_of, body, parameter, query_of, responses, schema_of, webhooks,
};
use crate::{
    access::{self, NewToken, Rotation, TokenInfo, oauth::OAuthGrant},
    audit,
    backup::Made,
    base::ids::ProjectId,
    project::Named,
    servers,
    tool::{AGENT_ID, EventFilter, PROJECT_ID},
};

/// One operation that calls no tool.
pub(super) struct Operation {
    path: &'static str,
    method: &'static str,
    id: &'static str,
    summary: &'static str,
    needs: &'static str,
    parameters: Vec<Value>,
    request: Option<Value>,
    /// Whether there must be a body.
    required: bool,
    /// The success status and what it carries.
    response: (&'static str, Option<Value>),
}

impl Operation {
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        let names = path.split(['{', '}']).skip(1).step_by(2);
        let parameters = names
            .map(|name| {
                let mut rule = match name {
                    PROJECT_ID | AGENT_ID => schema_of::<ProjectId>(),
                    _ => json!({"type": "string"}),
                };
                if let Some(rule) = rule.as_object_mut() {
                    rule.remove("title");
                    rule.insert("description".into(), about(name).into());
                }
                parameter(name, "path", true, Some(&rule))
            })
            .collect();
        Self {
            path,
            method,
            id,
            summary,
            needs: "Needs the scope `hub:admin`.",
            parameters,
            request: None,
            required: true,
            response: ("204", None),
        }
    }

    pub(super) fn query(mut self, parameters: &[Value]) -> Self {
        self.parameters.extend_from_slice(parameters);
        self
    }

    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        self.request = Some(schema_of::<T>());
        self
    }

    /// The same, where everything has a default: no body is as good as an empty object.
    pub(super) fn may_take<T: JsonSchema>(mut self) -> Self {
        self.required = false;
        self.takes::<T>()
    }

    /// The tools that it names exist, or are patterns: that is known here only.
    fn of_tools(self) -> Self {
        let entry = json!({"anyOf": [
            {"enum": servers::all_tool_names()},
            {"type": "string", "pattern": r"^[a-z0-9_]*\*[a-z0-9_*]*$", "maxLength": access::tools::MAX_LEN},
        ]});
        self.with_entries("/properties/tools_allow", &entry)
            .with_entries("/properties/tools_deny", &entry)
    }

    /// The same, where entries of the list at `pointer` are each an `entry`.
    pub(super) fn with_entries(mut self, pointer: &str, entry: &Value) -> Self {
        let found = self
            .request
            .as_mut()
            .and_then(|all| all.pointer_mut(pointer));
        if let Some(list) = found.and_then(Value::as_object_mut) {
            list.insert("items".into(), entry.clone());
        }
        self
    }

    /// The agent of the example.
    fn with_agent(mut self, agent: &str) -> Self {
        let named = |parameter: &&mut Value| parameter.get("name") == Some(&json!(AGENT_ID));
        let found = self.parameters.iter_mut().find(named);
        if let Some(parameter) = found.and_then(Value::as_object_mut) {
            parameter.insert("example".into(), agent.into());
        }
        self
    }

    /// Who may do it, where it is no administrator.
    fn for_whom(mut self, needs: &'static str) -> Self {
        self.needs = needs;
        self
    }

    pub(super) fn gives(mut self, status: &'static str, schema: Value) -> Self {
        self.response = (status, Some(schema));
        self
    }

    fn add_to(self, paths: &mut Map<String, Value>) {
        let mut out = Map::new();
        out.insert("operationId".into(), self.id.into());
        out.insert("tags".into(), json!(["hub"]));
        out.insert("summary".into(), self.summary.into());
        let about = format!("{}. {}", self.summary, self.needs);
        out.insert("description".into(), about.into());
        out.insert("parameters".into(), self.parameters.into());
        let has_body = self.request.is_some();
        if let Some(Value::Object(schema)) = self.request {
            let mut body = body(&schema);
            if let Some(required) = body.get_mut("required") {
                *required = self.required.into();
            }
            out.insert("requestBody".into(), body);
        }
        out.insert(
            "responses".into(),
            responses(self.response.0, self.response.1.as_ref(), has_body),
        );
        add(paths, self.path, self.method, out);
    }
}

/// What a name in a path is.
fn about(name: &str) -> &'static str {
    match name {
        PROJECT_ID => "The project.",
        AGENT_ID => "The agent.",
        "webhook_id" => "The webhook's id, as the list of webhooks tells it.",
        "grant_id" => "The grant's id, as the list of grants tells it.",
        "delivery_id" => "The delivery's id, as the list of deliveries tells it.",
        _ => "The token's id, as the list of tokens tells it.",
    }
}

/// A page of `item`s.
pub(super) fn list(item: Value) -> Value {
    let items = json!({"type": "array", "items": item});
    let properties = json!({"items": items, "next_cursor": {"type": "string"}});
    json!({"type": "object", "required": ["items"], "properties": properties})
}

/// What `schema` says, with a secret that is shown once.
pub(super) fn with_secret(mut schema: Value, name: &str, about: &str) -> Value {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(properties) = properties {
        properties.insert(
            name.to_owned(),
            json!({"type": "string", "description": about}),
        );
    }
    schema
}

/// Adds what calls no tool: administration, and events.
pub fn operations(paths: &mut Map<String, Value>) {
    let page = query_of::<Page>();
    let named = list(answer_of::<Named>());
    let member = json!({"type": "object", "properties": {
        "project_id": {"type": "string"}, "agent_id": {"type": "string"}}});
    let about = "The token. It is not shown again.";
    let with_token = with_secret(answer_of::<TokenInfo>(), "token", about);
    let of = Operation::new;
    let projects = "/api/v1/projects";
    let agents = "/api/v1/agents";
    let members = "/api/v1/projects/{project_id}/members";
    let one_member = "/api/v1/projects/{project_id}/members/{agent_id}";
    let tokens = "/api/v1/tokens";
    let operations = [
        of("get", projects, "list_projects", "List projects")
            .query(&page)
            .gives("200", named.clone()),
        of("post", projects, "create_project", "Create a project")
            .takes::<NewNamed>()
            .gives("201", schema_of::<NewNamed>()),
        of("get", agents, "list_agents", "List agents")
            .query(&page)
            .gives("200", named.clone()),
        of("post", agents, "create_agent", "Create an agent")
            .takes::<NewNamed>()
            .gives("201", schema_of::<NewNamed>()),
        of("get", members, "list_members", "List a project's members")
            .query(&page)
            .gives("200", named),
        of("put", one_member, "add_member", "Make an agent a member").gives("200", member),
        // All other examples speak as the agent whose membership every hub begins with.
        of("delete", one_member, "remove_member", "End a membership").with_agent("ann"),
        of(
            "get",
            tokens,
            "list_tokens",
            "List tokens, without the tokens themselves",
        )
        .query(&page)
        .gives("200", list(answer_of::<TokenInfo>())),
        of(
            "post",
            tokens,
            "create_token",
            "Create a token, which is shown this once",
        )
        .takes::<NewToken>()
        .of_tools()
        .gives("201", with_token.clone()),
        of(
            "post",
            "/api/v1/tokens/{token_id}/rotate",
            "rotate_token",
            "Give a token a new text, which is shown this once; the old one works for a while",
        )
        .may_take::<Rotation>()
        .gives("200", with_token),
        of(
            "delete",
            "/api/v1/tokens/{token_id}",
            "revoke_token",
            "Revoke a token at once",
        ),
        of(
            "get",
            "/api/v1/oauth/grants",
            "list_oauth_grants",
            "List what OAuth clients were given, by whose token",
        )
        .query(&page)
        .gives("200", list(answer_of::<OAuthGrant>())),
        of(
            "delete",
            "/api/v1/oauth/grants/{grant_id}",
            "revoke_oauth_grant",
            "End what an OAuth client was given, with all its tokens at once",
        ),
        of(
            "get",
            "/api/v1/audit",
            "query_audit",
            "Find calls in the audit log, newest first",
        )
        .query(&query_of::<audit::Query>())
        .query(&page)
        .gives("200", list(answer_of::<audit::Record>())),
        of(
            "get",
            "/api/v1/projects/{project_id}/events",
            "list_events",
            "Follow what changes in a project: a page of events, or with Accept: text/event-stream each as it happens",
        )
        .for_whom("For every token of the project: it is shown what it may read.")
        .query(&query_of::<EventFilter>())
        .query(&query_of::<Part>())
        .gives("200", answer_of::<EventPage>()),
        of(
            "post",
            "/api/v1/backups",
            "create_backup",
            "Make a backup in the data directory's folder backups",
        )
        .gives("201", answer_of::<Made>()),
    ];
    for operation in operations.into_iter().chain(webhooks::operations()) {
        operation.add_to(paths);
    }
    let exported =
        json!({"schema": {"type": "string", "description": "Entries, one a line, oldest first."}});
    let content = paths.get_mut("/api/v1/audit").and_then(|item| {
        let found = item.pointer_mut("/get/responses/200/content")?;
        found.as_object_mut()
    });
    if let Some(content) = content {
        content.insert(NDJSON.into(), exported);
    }
}
