//! A client that loses its connection while a call runs asks for the rest with `Last-Event-ID`, also when the call has ended
//! meanwhile. rmcp's own sessions keep the events of a call only until its answer is out.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, stream, task::AtomicWaker};
use rmcp::{
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::streamable_http_server::session::{
        RestoreOutcome, ServerSseMessage, SessionId, SessionManager, local::LocalSessionManager,
    },
};
use tokio::{sync::watch, time::Instant};

use super::turns::Turns;

/// How long the events of a call are kept after its end.
const KEEP: Duration = Duration::from_secs(60);
/// Calls that end sooner are not kept: a client that missed such an answer can as well call again.
const SHORT: Duration = Duration::from_secs(1);
/// Calls of one session whose events are kept at the same time, and events of one call; the oldest go first.
const MAX_CALLS: usize = 32;
const MAX_EVENTS: usize = 256;

type Events = Pin<Box<dyn Stream<Item = ServerSseMessage> + Send + Sync>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// rmcp's sessions, and the events of their calls.
#[derive(Default)]
pub struct Resumable {
    inner: LocalSessionManager,
    calls: Arc<Calls>,
    /// Sessions that are being restored.
    pub turns: Arc<Turns>,
}

impl Resumable {
    /// Sessions that end when they are not used for `idle`.
    pub fn new(idle: Duration) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(idle);
        Self {
            inner,
            calls: Arc::default(),
            turns: Arc::default(),
        }
    }
}

/// The calls whose events are kept, by session and by the name that their event ids carry.
#[derive(Default)]
struct Calls(Mutex<HashMap<SessionId, HashMap<String, Arc<Call>>>>);

impl Calls {
    fn insert(&self, session: &SessionId, name: &str, call: &Arc<Call>) {
        let mut calls = lock(&self.0);
        let own = calls.entry(Arc::clone(session)).or_default();
        if own.len() >= MAX_CALLS {
            let ended = own.iter().filter(|(_, call)| call.kept.borrow().ended);
            let oldest = ended.min_by_key(|(_, call)| call.started);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                own.remove(&name);
            }
        }
        own.insert(name.to_owned(), Arc::clone(call));
    }

    fn remove(&self, session: &SessionId, name: &str) {
        let mut calls = lock(&self.0);
        if let Some(own) = calls.get_mut(session) {
            own.remove(name);
            if own.is_empty() {
                calls.remove(session);
            }
        }
    }

    fn find(&self, session: &SessionId, name: &str) -> Option<Arc<Call>> {
        lock(&self.0).get(session)?.get(name).cloned()
    }
}

/// A call, and what its stream has said so far.
struct Call {
    started: Instant,
    kept: watch::Sender<Kept>,
    /// What comes, for whoever carries it: the answer's body, or a task when that is gone.
    coming: Mutex<Option<Events>>,
    /// Woken when another takes over.
    body: AtomicWaker,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<ServerSseMessage>,
    ended: bool,
}

/// The index and the stream's name in an event id; streams outside calls have none.
fn parts(event_id: &str) -> Option<(usize, &str)> {
    let (index, name) = event_id.split_once('/')?;
    Some((index.parse().ok()?, name))
}

fn index(event: &ServerSseMessage) -> Option<usize> {
    Some(parts(event.event_id.as_deref()?)?.0)
}

impl Call {
    fn new(coming: Events) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            kept: watch::Sender::default(),
            coming: Mutex::new(Some(coming)),
            body: AtomicWaker::new(),
        })
    }

    fn keep(&self, event: &ServerSseMessage) {
        self.kept.send_modify(|kept| {
            if kept.events.len() >= MAX_EVENTS {
                kept.events.pop_front();
            }
            kept.events.push_back(event.clone());
        });
    }

    fn end(&self) {
        self.kept.send_modify(|kept| kept.ended = true);
    }

    /// Carries what comes from now on without the answer's body.
    fn take_over(self: &Arc<Self>) {
        let Some(mut coming) = lock(&self.coming).take() else {
            return;
        };
        self.body.wake();
        let call = Arc::clone(self);
        tokio::spawn(async move {
            while let Some(event) = coming.next().await {
                call.keep(&event);
            }
            call.end();
        });
    }

    /// The events from `next` on, those to come included.
    fn follow(&self, next: usize) -> impl Stream<Item = ServerSseMessage> + Send + Sync + use<> {
        stream::unfold(
            (self.kept.subscribe(), next),
            |(mut kept, next)| async move {
                loop {
                    {
                        let kept_now = kept.borrow_and_update();
                        let mut events = kept_now.events.iter();
                        let due = events
                            .find(|e| index(e).is_some_and(|i| i >= next))
                            .cloned();
                        let ended = kept_now.ended;
                        drop(kept_now);
                        if let Some(event) = due {
                            let next = index(&event).unwrap_or(next) + 1;
                            return Some((event, (kept, next)));
                        }
                        if ended {
                            return None;
                        }
                    }
                    kept.changed().await.ok()?;
                }
            },
        )
    }
}

/// The body of a call's answer.
struct Body {
    session: SessionId,
    calls: Arc<Calls>,
    call: Arc<Call>,
    /// What event ids call the stream; known from the first.
    name: Option<String>,
}

impl Stream for Body {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.call.body.register(cx.waker());
        let polled = match lock(&self.call.coming).as_mut() {
            Some(coming) => coming.as_mut().poll_next(cx),
            None => Poll::Ready(None),
        };
        match &polled {
            Poll::Ready(Some(event)) => {
                self.call.keep(event);
                if self.name.is_none()
                    && let Some((_, name)) = event.event_id.as_deref().and_then(parts)
                {
                    self.calls.insert(&self.session, name, &self.call);
                    self.name = Some(name.to_owned());
                }
            }
            Poll::Ready(None) => {
                if lock(&self.call.coming).take().is_some() {
                    self.call.end();
                }
            }
            Poll::Pending => {}
        }
        polled
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        self.call.take_over();
        let (session, calls, call) = (
            Arc::clone(&self.session),
            Arc::clone(&self.calls),
            Arc::clone(&self.call),
        );
        if call.kept.borrow().ended && call.started.elapsed() < SHORT {
            calls.remove(&session, &name);
            return;
        }
        tokio::spawn(async move {
            let mut kept = call.kept.subscribe();
            drop(kept.wait_for(|kept| kept.ended).await);
            tokio::time::sleep(KEEP).await;
            calls.remove(&session, &name);
        });
    }
}

impl SessionManager for Resumable {
    type Error = <LocalSessionManager as SessionManager>::Error;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.inner.create_session().await
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        lock(&self.calls.0).remove(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.turns.end(id);
        let coming = self.inner.create_stream(id, message).await?;
        Ok(Body {
            session: Arc::clone(id),
            calls: Arc::clone(&self.calls),
            call: Call::new(Box::pin(coming)),
            name: None,
        })
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.turns.end(id);
        self.inner.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.turns.end(id);
        if let Some((index, name)) = parts(&last_event_id)
            && let Some(call) = self.calls.find(id, name)
        {
            call.take_over();
            return Ok(call.follow(index + 1).left_stream());
        }
        Ok(self.inner.resume(id, last_event_id).await?.right_stream())
    }

    async fn restore_session(
        &self,
        id: SessionId,
    ) -> Result<RestoreOutcome<Self::Transport>, Self::Error> {
        self.inner.restore_session(id).await
    }
}
