//! Floor 3, the heart: tools, their servers, the registry, and the one pipeline around every call.

mod blocking;
mod bound;
mod builder;
mod caller;
mod change;
mod code;
pub mod coerce;
mod ctx;
mod deps;
mod error;
mod event;
mod host;
mod offer;
mod outbox;
mod pipeline;
pub mod prelude;
mod project_config;
mod reach;
mod registry;
mod route;
mod running;
mod schema;
mod spec;
mod upkeep;
mod webhooks;
mod wire;

use std::{future::Future, time::Duration};

use garde::Validate;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use blocking::{Pool, Stop};
pub use bound::DynTool;
pub use builder::{BadRegistry, Builder, Mounted, ToolSet};
pub use caller::{Caller, Pin};
pub use change::{Cause, Change, Changes, Happened, Target};
pub use code::Code;
pub use ctx::Ctx;
pub use deps::Dep;
pub use error::{FieldError, ToolError};
pub use event::{Event, Events, Level};
pub use host::{Host, Tasks};
pub use offer::{
    About, Address, Body, Completion, Content, Entry, ListResources, Offer, Prompt, PromptArgument,
    Rendered, Resource, template,
};
pub use outbox::{EventView, EventsConfig, Filter as EventFilter, Kept as KeptEvent, Outbox};
pub use pipeline::no_such_scope;
pub use reach::Reach;
pub use registry::{Parts, Registry};
pub use route::{Method, Route};
pub use running::Running;
pub use schema::{AGENT_ID, PROJECT_ID, of_args};
pub use spec::{Face, Hints, Spec};
pub use upkeep::Upkeep;
pub use webhooks::{
    Delivery, DeliveryState, NewWebhook, SecretRotation, Webhook, WebhookChange, WebhookFilter,
    WebhookSecret, Webhooks, WebhooksConfig,
};
pub use wire::{DynWire, Incoming, Wire, WireBody, WireReply, WireRequest, WireSet, status_of};

pub use crate::access::{Access, ServerId};

/// One of the seven servers: its tools, what they may call elsewhere, its friendly routes.
pub trait ToolServer: Send + Sync + Sized + 'static {
    /// Which one it is.
    const ID: ServerId;
    /// Tools of other servers that its tools may call in-process. Acyclic over all servers; checked at boot.
    const CALLS: &'static [Dep] = &[];
    /// Friendly REST routes to its tools.
    const ROUTES: &'static [Route] = &[];
    /// Resources, read by its tools.
    const RESOURCES: &'static [Resource] = &[];
    /// Prompts that bring its resources along.
    const PROMPTS: &'static [Prompt] = &[];
    /// Where values for the arguments of its resources and prompts come from.
    const COMPLETIONS: &'static [Completion] = &[];
    /// Adds its tools.
    fn tools(set: &mut ToolSet<Self>);
    /// Adds the wires on which it speaks other protocols.
    fn wires(_set: &mut WireSet<Self>) {}
    /// Puts right what made a call with `args` fail with `error`, if it can: the call is run again then.
    ///
    /// # Errors
    /// Why it could not, instead of `error`.
    fn mend(
        &self,
        _ctx: &Ctx,
        _args: &Value,
        _error: &ToolError,
    ) -> impl Future<Output = Result<bool, ToolError>> + Send {
        std::future::ready(Ok(false))
    }
}

/// One tool: written once, served over MCP, over REST and in-process.
pub trait Tool: Send + Sync + 'static {
    /// The server it belongs to.
    type Server: ToolServer;
    /// What a caller sends. `project_id` and `agent_id` are not part of it: the pipeline adds and removes them.
    type Args: DeserializeOwned + JsonSchema + Check + Send + 'static;
    /// What a caller gets: an object.
    type Output: Serialize + JsonSchema + Send + 'static;
    /// `verb_noun`, unique among all servers.
    const NAME: &'static str;
    /// What it does, when to use it instead of its neighbour, what comes back; written for a model.
    const ABOUT: &'static str;
    /// What it does to the world: decides the scope that a caller needs.
    const ACCESS: Access;
    /// How long it may run.
    const DEADLINE: Duration = Duration::from_secs(30);
    /// How long it may run as a task, whose client comes back for the result, if that makes sense for it.
    const TASK: Option<Duration> = None;
    /// Who may call it.
    const FACE: Face = Face::Everywhere;
    /// Arguments that hold content, such as a document's text: the audit log keeps their size alone. Paths as
    /// [`crate::base::redact::arguments`] has them.
    const CONTENT: &'static [&'static str] = &[];
    /// Whether its answer shows an image or a sound: `data` in base 64, of the type `mime_type`. MCP clients get that as a block of
    /// its own.
    const MEDIA: bool = false;
    /// What clients are told of its effects.
    const HINTS: Hints = Hints::of(Self::ACCESS);
    /// Does the work. It runs admitted, validated, under deadline and cancellation.
    fn run(
        server: &Self::Server,
        ctx: &Ctx,
        args: Self::Args,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

/// Arguments that can be checked beyond their types. Implemented by deriving [`garde::Validate`].
pub trait Check {
    /// Every rule that is broken, or nothing.
    fn check(&self) -> Result<(), Vec<FieldError>>;
}

impl<T: Validate<Context = ()>> Check for T {
    fn check(&self) -> Result<(), Vec<FieldError>> {
        self.validate().map_err(|report| {
            report
                .iter()
                .map(|(path, error)| FieldError::at_path(&path.to_string(), error.to_string()))
                .collect()
        })
    }
}
