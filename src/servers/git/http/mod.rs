//! Smart HTTP: `git clone`, `git fetch` and `git push` with the hub's own tokens, at `/repos/<project>/<repo>.git`.
//!
//! <https://git-scm.com/docs/http-protocol>, <https://git-scm.com/docs/gitprotocol-pack>. The git program speaks the protocol; here
//! are who may, what may be pushed, and the way of the bytes.

mod pack;
mod pkt;
mod push;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};

use super::{
    Git,
    cli::{self, Command, Place, Program},
    store::RepoKey,
    tools::{git_commit::GitCommit, git_log::GitLog},
};
use crate::{
    base::ids::RepoName,
    tool::{Ctx, Method, ToolError, Wire, WireBody, WireReply, WireRequest, WireSet, status_of},
};

/// How long a clone or a push may take.
const DEADLINE: Duration = Duration::from_secs(3_600);
/// Longest negotiation of a fetch, in bytes.
const MAX_FETCH: usize = 16 << 20;
/// Longest push, in bytes.
const MAX_PUSH: usize = 4 << 30;

/// Adds the wires.
pub fn add(set: &mut WireSet<Git>) {
    set.add::<Advertise>()
        .add::<UploadPack>()
        .add::<ReceivePack>();
}

/// The refs of a repository, which every clone, fetch and push begins with.
struct Advertise;

impl Wire for Advertise {
    // Who may read the history may clone it.
    type Tool = GitLog;
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/repos/{project_id}/{rest}/info/refs";
    const MAX_BODY: usize = 0;
    const DEADLINE: Duration = DEADLINE;

    fn arguments(request: &WireRequest) -> Map<String, Value> {
        named(request, &request.query)
    }

    async fn run(
        server: &Arc<Git>,
        ctx: &Ctx,
        request: WireRequest,
    ) -> Result<WireReply, ToolError> {
        let service = request.query.strip_prefix("service=").and_then(Service::of);
        let service = service.ok_or_else(|| {
            ToolError::invalid(
                "/service",
                "must be git-upload-pack or git-receive-pack: use git over smart HTTP",
            )
        })?;
        let command = server.serve(ctx, &request, service).await?;
        let text = pack::answer(command.flag("--http-backend-info-refs")).await?;
        // Version 2 begins with its own line.
        let version_2 = text.starts_with(b"000eversion 2");
        let mut body = Vec::with_capacity(text.len() + 64);
        if !version_2 {
            pkt::line(
                &mut body,
                format!("# service={}\n", service.name()).as_bytes(),
            );
            pkt::flush(&mut body);
        }
        body.extend_from_slice(&text);
        Ok(reply(
            service,
            "advertisement",
            WireBody::Whole(Bytes::from(body)),
        ))
    }

    fn refuse(error: &ToolError, _request_id: &str) -> WireReply {
        refuse(error)
    }
}

/// What a clone or a fetch gets.
struct UploadPack;

impl Wire for UploadPack {
    type Tool = GitLog;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/repos/{project_id}/{rest}/git-upload-pack";
    const MAX_BODY: usize = MAX_FETCH;
    const DEADLINE: Duration = DEADLINE;

    fn arguments(request: &WireRequest) -> Map<String, Value> {
        named(request, "git-upload-pack")
    }

    async fn run(
        server: &Arc<Git>,
        ctx: &Ctx,
        request: WireRequest,
    ) -> Result<WireReply, ToolError> {
        // What this repository left at its own remote, others may want from it.
        server.bring_all(ctx, &key(ctx, &request)?).await?;
        let command = server.serve(ctx, &request, Service::Upload).await?;
        let wanted = pack::plain(&request, MAX_FETCH)?;
        let stream = pack::follow(command, wanted)?;
        Ok(reply(Service::Upload, "result", WireBody::Stream(stream)))
    }

    fn refuse(error: &ToolError, _request_id: &str) -> WireReply {
        refuse(error)
    }
}

/// What a push brings.
struct ReceivePack;

impl Wire for ReceivePack {
    // Who may commit may push.
    type Tool = GitCommit;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/repos/{project_id}/{rest}/git-receive-pack";
    const MAX_BODY: usize = MAX_PUSH;
    const STREAMS: bool = true;
    const DEADLINE: Duration = DEADLINE;

    fn arguments(request: &WireRequest) -> Map<String, Value> {
        named(request, "git-receive-pack")
    }

    async fn run(
        server: &Arc<Git>,
        ctx: &Ctx,
        request: WireRequest,
    ) -> Result<WireReply, ToolError> {
        let key = key(ctx, &request)?;
        let command = server.serve(ctx, &request, Service::Receive).await?;
        let body = push::receive(server, ctx, &key, command, request.incoming).await?;
        Ok(reply(Service::Receive, "result", WireBody::Whole(body)))
    }

    fn refuse(error: &ToolError, _request_id: &str) -> WireReply {
        refuse(error)
    }
}

/// What the program is asked to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Upload,
    Receive,
}

impl Service {
    fn of(word: &str) -> Option<Self> {
        [Self::Upload, Self::Receive]
            .into_iter()
            .find(|service| service.name() == word)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Upload => "git-upload-pack",
            Self::Receive => "git-receive-pack",
        }
    }
}

impl Git {
    /// The command that serves the repository which `request` names.
    async fn serve(
        &self,
        ctx: &Ctx,
        request: &WireRequest,
        service: Service,
    ) -> Result<Command, ToolError> {
        let program = self.program()?;
        let key = key(ctx, request)?;
        let place = self
            .look_bare(ctx, &key, |repository, _| Ok(Place::bare(repository)))
            .await?;
        let name = match service {
            Service::Upload => "upload-pack",
            Service::Receive => "receive-pack",
        };
        let command = program.command(place, name).flag("--stateless-rpc").here();
        // What agents have put aside is theirs.
        let command = command.setting("transfer.hideRefs", "refs/stash");
        let command = match service {
            Service::Upload => command
                .setting("uploadpack.allowFilter", "true")
                .setting("uploadpack.allowReachableSHA1InWant", "true"),
            Service::Receive => command.setting("receive.autogc", "false"),
        };
        Ok(match protocol(&request.headers) {
            Some(version) => command.variable("GIT_PROTOCOL", version),
            None => command,
        })
    }

    /// The git program.
    pub(super) fn program(&self) -> Result<&Program, ToolError> {
        self.program.as_ref().ok_or_else(|| {
            ToolError::unavailable("the hub has no git program, which this needs").hint(
                "its operator can install git 2.45 or newer, or name it as servers.git.program",
            )
        })
    }
}

/// The repository that a request names.
fn key(ctx: &Ctx, request: &WireRequest) -> Result<RepoKey, ToolError> {
    let name = request.rest.strip_suffix(".git").unwrap_or(&request.rest);
    Ok(RepoKey {
        project: ctx.project().clone(),
        repo: RepoName::new(name).map_err(|_| ToolError::not_found("repository", name))?,
    })
}

/// The version that the client speaks, if it says so in the one way that is known.
fn protocol(headers: &HeaderMap) -> Option<&str> {
    let version = headers.get("git-protocol")?.to_str().ok()?;
    matches!(version, "version=1" | "version=2").then_some(version)
}

fn named(request: &WireRequest, service: &str) -> Map<String, Value> {
    let kept = json!({ "repo": request.rest, "service": service });
    kept.as_object().cloned().unwrap_or_default()
}

fn reply(service: Service, what: &str, body: WireBody) -> WireReply {
    let mut headers = HeaderMap::new();
    let kind = format!("application/x-{}-{what}", service.name());
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, max-age=0, must-revalidate"),
    );
    WireReply {
        status: 200,
        headers,
        body,
    }
}

/// git shows a plain text that comes with an error, and asks for a password when it is told to.
fn refuse(error: &ToolError) -> WireReply {
    let status = status_of(error);
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if status == 401 {
        let asks = HeaderValue::from_static(
            "Basic realm=\"a syndarix token as the password\", charset=\"UTF-8\"",
        );
        headers.insert(header::WWW_AUTHENTICATE, asks);
    }
    WireReply {
        status,
        headers,
        body: WireBody::Whole(Bytes::from(format!("{}\n", error.message))),
    }
}

/// A run of the program that failed. What the program says of it is for the log: the client has its own words for most of it.
fn failed(error: cli::Error) -> ToolError {
    match error {
        cli::Error::TimedOut { .. } => {
            ToolError::new(crate::tool::Code::DeadlineExceeded, error.to_string())
        }
        other => ToolError::internal(other),
    }
}

#[cfg(test)]
mod tests;
