//! What a client waits for: changes of the resources it subscribed to, and of the lists it has read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use rmcp::{
    ErrorData, RoleServer, ServiceError,
    model::ResourceUpdatedNotificationParam,
    service::{Peer, SubscriptionContext, SubscriptionSendError},
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::surface::Surface;
use crate::{
    access::Principal,
    tool::{Change, Target},
};

/// Most resources that one session or stream subscribes to.
const MOST: usize = 256;

/// A subscriber to one resource.
type Subscriber = (Arc<Principal>, Target);

/// The resources that a client subscribed to, by the URI it used.
#[derive(Default)]
pub struct Targets {
    by_uri: Mutex<BTreeMap<String, Subscriber>>,
    changed: Notify,
}

impl Targets {
    /// Adds one, or says that there are too many.
    pub fn add(
        &self,
        uri: String,
        principal: Arc<Principal>,
        target: Target,
    ) -> Result<(), ErrorData> {
        let mut map = self.by_uri.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MOST && !map.contains_key(&uri) {
            let message = format!(
                "{MOST} resources are subscribed to, which is the limit: unsubscribe first"
            );
            return Err(ErrorData::invalid_request(message, None));
        }
        map.insert(uri, (principal, target));
        drop(map);
        self.changed.notify_one();
        Ok(())
    }

    /// Removes one, if it is there.
    pub fn remove(&self, uri: &str) {
        let mut map = self.by_uri.lock().unwrap_or_else(PoisonError::into_inner);
        map.remove(uri);
        drop(map);
        self.changed.notify_one();
    }

    fn is_empty(&self) -> bool {
        let map = self.by_uri.lock().unwrap_or_else(PoisonError::into_inner);
        map.is_empty()
    }

    /// Those that `change` concerns; all of them when it is not known what changed.
    fn hit(&self, change: Option<&Change>) -> Vec<(String, Subscriber)> {
        let map = self.by_uri.lock().unwrap_or_else(PoisonError::into_inner);
        map.iter()
            .filter(|(_, (_, target))| change.is_none_or(|c| target.is_hit_by(c)))
            .map(|(uri, subscriber)| (uri.clone(), subscriber.clone()))
            .collect()
    }
}

/// What a client is to be told.
enum News {
    /// These resources changed.
    Updated(Vec<String>),
    /// Tools, prompts and resources may be others now.
    Lists,
}

/// Listens for one client.
struct Ear {
    surface: Arc<Surface>,
    generation: watch::Receiver<u64>,
    /// Only while something is subscribed to, or every change would wake every session.
    changes: Option<broadcast::Receiver<Change>>,
}

impl Ear {
    fn new(surface: Arc<Surface>) -> Self {
        Self {
            generation: surface.generation(),
            surface,
            changes: None,
        }
    }

    /// Starts to listen if something is subscribed to.
    fn listen(&mut self, targets: &Targets) {
        if targets.is_empty() {
            self.changes = None;
        } else if self.changes.is_none() {
            self.changes = Some(self.surface.view().registry.changes().listen());
        }
    }

    /// The next news; `None` when there will be none.
    async fn next(&mut self, targets: &Targets) -> Option<News> {
        loop {
            self.listen(targets);
            let heard = tokio::select! {
                new = self.generation.changed() => return new.is_ok().then_some(News::Lists),
                () = targets.changed.notified() => continue,
                heard = hear(self.changes.as_mut()) => heard,
            };
            let change = match heard {
                Ok(change) => Some(change),
                Err(broadcast::error::RecvError::Lagged(_)) => None,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            let mut updated = Vec::new();
            for (uri, (principal, target)) in targets.hit(change.as_ref()) {
                let registry = Arc::clone(&self.surface.view().registry);
                if registry.still_reads(&principal, &target).await {
                    updated.push(uri);
                } else {
                    targets.remove(&uri);
                }
            }
            if !updated.is_empty() {
                return Some(News::Updated(updated));
            }
        }
    }
}

async fn hear(
    changes: Option<&mut broadcast::Receiver<Change>>,
) -> Result<Change, broadcast::error::RecvError> {
    match changes {
        Some(changes) => changes.recv().await,
        None => std::future::pending().await,
    }
}

/// What a session waits for. Dropped with its session.
pub struct Watch {
    /// Its subscriptions.
    pub targets: Arc<Targets>,
    stop: CancellationToken,
    _ends: DropGuard,
}

impl Default for Watch {
    fn default() -> Self {
        let stop = CancellationToken::new();
        Self {
            targets: Arc::default(),
            _ends: stop.clone().drop_guard(),
            stop,
        }
    }
}

impl Watch {
    /// Tells the session's client of news until the session ends.
    pub fn start(&self, peer: Peer<RoleServer>, surface: Arc<Surface>) {
        let (targets, stop) = (Arc::clone(&self.targets), self.stop.clone());
        tokio::spawn(async move {
            let mut ear = Ear::new(surface);
            loop {
                let news = tokio::select! {
                    () = stop.cancelled() => return,
                    news = ear.next(&targets) => news,
                };
                let Some(news) = news else { return };
                if tell(&peer, news).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn tell(peer: &Peer<RoleServer>, news: News) -> Result<(), ServiceError> {
    match news {
        News::Updated(uris) => {
            for uri in uris {
                peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri))
                    .await?;
            }
            Ok(())
        }
        News::Lists => {
            peer.notify_tool_list_changed().await?;
            peer.notify_prompt_list_changed().await?;
            peer.notify_resource_list_changed().await
        }
    }
}

/// Serves one `subscriptions/listen` stream (2026-07-28) until its client closes it.
pub async fn serve(ctx: &SubscriptionContext, surface: Arc<Surface>, targets: &Targets) {
    let mut ear = Ear::new(surface);
    loop {
        let news = tokio::select! {
            () = ctx.cancelled() => return,
            news = ear.next(targets) => news,
        };
        let Some(news) = news else { return };
        if tell_stream(ctx, news).await.is_err() {
            return;
        }
    }
}

async fn tell_stream(ctx: &SubscriptionContext, news: News) -> Result<(), SubscriptionSendError> {
    let sink = ctx.sink();
    match news {
        News::Updated(uris) => {
            for uri in uris {
                sink.notify_resource_updated(uri).await?;
            }
        }
        News::Lists => {
            let wanted = ctx.accepted();
            if wanted.tools_list_changed == Some(true) {
                sink.notify_tool_list_changed().await?;
            }
            if wanted.prompts_list_changed == Some(true) {
                sink.notify_prompt_list_changed().await?;
            }
            if wanted.resources_list_changed == Some(true) {
                sink.notify_resource_list_changed().await?;
            }
        }
    }
    Ok(())
}
