//! Calls that run on as tasks (MCP extension `io.modelcontextprotocol/tasks`, SEP-2663): the client asks for the result
//! later, and may lose its connection meanwhile. Tasks live in this process; a restart ends them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::{
    ErrorData,
    model::{CallToolResult, CreateTaskResult, DetailedTask},
    task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions},
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::fault;
use crate::tool::{Caller, Code, DynTool, Event, Events, Registry};

/// Most tasks that one token has running.
const MOST: usize = 64;
/// How long a result is kept beyond the time the task may run.
const KEPT: Duration = Duration::from_secs(3600);
/// How often a client is advised to ask.
const POLL_MS: u64 = 1000;

/// The tasks of this process.
#[derive(Default)]
pub struct Tasks {
    manager: TaskManager,
    /// rmcp's tasks know no owner.
    owners: Mutex<HashMap<String, Arc<str>>>,
}

impl Tasks {
    /// Starts a call as a task.
    pub fn start(
        &self,
        registry: Arc<Registry>,
        tool: Arc<dyn DynTool>,
        caller: Caller,
        args: Map<String, Value>,
        may_run: Duration,
    ) -> Result<CreateTaskResult, ErrorData> {
        let owner = Arc::clone(&caller.principal.id);
        self.room_for(&owner)?;
        let kept = u64::try_from((may_run + KEPT).as_millis()).unwrap_or(u64::MAX);
        let options = TaskOptions::new()
            .with_ttl_ms(kept)
            .with_poll_interval_ms(POLL_MS);
        let task = self.manager.spawn(options, move |context| {
            Box::pin(run(registry, tool, caller, args, context))
        });
        self.owners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(task.task_id.clone(), owner);
        Ok(CreateTaskResult::new(task))
    }

    fn room_for(&self, owner: &str) -> Result<(), ErrorData> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|id, _| self.manager.get_task(id).is_ok());
        let running = owners.iter().filter(|(id, who)| {
            &***who == owner
                && self
                    .manager
                    .get_task(id)
                    .is_ok_and(|task| !task.status().is_terminal())
        });
        if running.count() >= MOST {
            let message = format!("this token has {MOST} tasks running: wait for one to end");
            return Err(ErrorData::invalid_request(message, None));
        }
        Ok(())
    }

    /// How the task `id` of `owner` stands. Another's answers like one that does not exist.
    pub fn get(&self, id: &str, owner: &str) -> Result<DetailedTask, ErrorData> {
        self.manager.get_task(self.own(id, owner))
    }

    /// Asks the task `id` of `owner` to end.
    pub fn cancel(&self, id: &str, owner: &str) -> Result<(), ErrorData> {
        self.manager.cancel_task(self.own(id, owner))
    }

    /// Takes answers for the task `id` of `owner`.
    pub fn update(
        &self,
        id: &str,
        owner: &str,
        answers: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<(), ErrorData> {
        self.manager.update_task(self.own(id, owner), answers)
    }

    /// `id` if it is the owner's, else an id that no task has.
    fn own<'a>(&self, id: &'a str, owner: &str) -> &'a str {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.get(id).is_some_and(|who| &**who == owner) {
            id
        } else {
            ""
        }
    }
}

async fn run(
    registry: Arc<Registry>,
    tool: Arc<dyn DynTool>,
    caller: Caller,
    args: Map<String, Value>,
    context: TaskContext,
) -> Result<CallToolResult, TaskExit> {
    let cancel = CancellationToken::new();
    let events = Arc::new(Events::default());
    let caller = Caller {
        cancel: cancel.clone(),
        events: Some(Arc::clone(&events)),
        background: true,
        ..caller
    };
    let call = registry.call_json(tool.as_ref(), caller, args);
    let follow = async {
        while let Some(event) = events.next().await {
            if let Event::Progress { message, .. } = event {
                context.set_status_message(message);
            }
        }
        std::future::pending::<()>().await;
    };
    let asked_to_end = async {
        context.cancelled().await;
        cancel.cancel();
        std::future::pending::<()>().await;
    };
    let done = tokio::select! {
        done = call => done,
        () = follow => return Err(TaskExit::Cancelled),
        () = asked_to_end => return Err(TaskExit::Cancelled),
    };
    match done {
        Ok(value) => Ok(CallToolResult::structured(value)),
        Err(error) if error.code == Code::Cancelled => Err(TaskExit::Cancelled),
        Err(error) => Ok(fault::result(&error)),
    }
}
