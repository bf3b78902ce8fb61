//! Events as they happen, for one follower.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::response::{
    IntoResponse, Response,
    sse::{Event as Frame, KeepAlive, Sse},
};
use futures::{Stream, stream};
use http::HeaderValue;
use serde_json::json;
use tokio::sync::watch;

use super::{may_follow, may_see};
use crate::{
    access::Principal,
    base::ids::ProjectId,
    edge::Hub,
    tool::{Code, EventFilter, EventView, ToolError},
};

/// Events that are read at a time.
const BATCH: u32 = 200;
/// Streams that one token may have open.
const MAX_STREAMS: usize = 32;
/// How often a stream that is silent asks whether its token is still good, and says that it is there.
const BEAT: Duration = Duration::from_secs(15);

/// A stream and where it is.
pub(super) struct Follower {
    pub hub: Hub,
    pub who: Arc<Principal>,
    pub project: ProjectId,
    pub filter: EventFilter,
    /// The last event that was looked at.
    pub place: i64,
    pub newest: watch::Receiver<i64>,
    pub ready: VecDeque<Frame>,
    pub _open: Open,
}

impl Follower {
    /// The next frame; nothing when the stream is over.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            let newest = *self.newest.borrow_and_update();
            if newest > self.place {
                // Tokens are revoked and members removed while streams are open.
                if !may_follow(&self.hub, &self.who, self.project.as_str())
                    .await
                    .ok()?
                {
                    return None;
                }
                self.read(newest).await.ok()?;
                continue;
            }
            let closed = self.hub.outbox.closed().clone();
            tokio::select! {
                () = closed.cancelled() => return None,
                moved = self.newest.changed() => moved.ok()?,
                () = tokio::time::sleep(BEAT) => {
                    if !may_follow(&self.hub, &self.who, self.project.as_str()).await.ok()? {
                        return None;
                    }
                }
            }
        }
    }

    /// Reads on, at most up to `newest`.
    async fn read(&mut self, newest: i64) -> Result<(), ToolError> {
        let outbox = &self.hub.outbox;
        let kept = outbox
            .since(&self.project, &self.filter, self.place, BATCH)
            .await?;
        let full = kept.len() >= BATCH as usize;
        self.place = match kept.last() {
            Some(last) if full => last.seq,
            last => last.map_or(newest, |last| last.seq.max(newest)),
        };
        for event in kept.into_iter().filter(|event| may_see(&self.who, event)) {
            let frame = Frame::default().id(event.seq.to_string()).event("change");
            let view = EventView::from(event);
            self.ready.extend(frame.json_data(view).ok());
        }
        Ok(())
    }
}

/// Streams what `follower` may see; first it is told where it begins.
pub(super) fn respond(mut follower: Follower, missed: bool) -> Response {
    let first = |name: &str, place: i64, data| {
        let frame = Frame::default().id(place.to_string()).event(name);
        frame.json_data(data).ok()
    };
    let begin = if missed {
        let message = "events after the one you named are deleted: look at what you follow as a whole, then go on from here";
        first("missed", follower.place, json!({"message": message}))
    } else {
        first("open", follower.place, json!({"after": follower.place}))
    };
    follower.ready.extend(begin);
    let keep_alive = KeepAlive::new().interval(BEAT);
    let mut response = Sse::new(frames(follower))
        .keep_alive(keep_alive)
        .into_response();
    let headers = response.headers_mut();
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn frames(follower: Follower) -> impl Stream<Item = Result<Frame, Infallible>> + Send {
    stream::unfold(follower, |mut follower| async move {
        let frame = follower.next().await?;
        Some((Ok(frame), follower))
    })
}

/// How many streams each token has open.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<Arc<str>, usize>>>);

/// One of them, given back when it is dropped.
pub(super) struct Open {
    streams: Streams,
    token: Arc<str>,
}

impl Streams {
    pub(super) fn open(&self, who: &Principal) -> Result<Open, ToolError> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = map.entry(Arc::clone(&who.id)).or_default();
        if *count >= MAX_STREAMS {
            let message = format!(
                "this token follows events {MAX_STREAMS} times already: end one of the streams first"
            );
            return Err(ToolError::new(Code::RateLimited, message).retry_after(BEAT));
        }
        *count += 1;
        Ok(Open {
            streams: self.clone(),
            token: Arc::clone(&who.id),
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut map = self
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = map.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                map.remove(&self.token);
            }
        }
    }
}
