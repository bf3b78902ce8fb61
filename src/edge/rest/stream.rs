//! A call's events over REST: `Accept: text/event-stream` gets `progress`, `delta`, then `result` or `error`.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event as Frame, KeepAlive, Sse},
};
use futures::{Stream, stream};
use http::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Problem;
use crate::tool::{Event, Events, ToolError};

/// What a running call is followed by.
pub struct Follow {
    /// The queue that the call writes to.
    pub events: Arc<Events>,
    /// The call's end.
    pub result: oneshot::Receiver<Result<Value, ToolError>>,
    /// Cancels the call when the client goes away.
    pub cancel: CancellationToken,
    /// The request's id.
    pub request: Option<Arc<str>>,
}

enum State {
    Running(Follow, DropGuard),
    Ended,
}

/// The events of a call, then its end.
pub fn respond(follow: Follow) -> Response {
    let guard = follow.cancel.clone().drop_guard();
    let frames = frames(State::Running(follow, guard));
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    let mut response = Sse::new(frames).keep_alive(keep_alive).into_response();
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The end of a call, once more: `name` is what it was.
pub fn ended(name: &str, data: &Value) -> Response {
    let last = Ok::<_, Infallible>(frame(name, data));
    Sse::new(stream::iter([last])).into_response()
}

fn frames(state: State) -> impl Stream<Item = Result<Frame, Infallible>> + Send {
    stream::unfold(state, |state| async move {
        let State::Running(mut follow, guard) = state else {
            return None;
        };
        if let Some(event) = follow.events.next().await {
            let frame = match event {
                Event::Progress {
                    done,
                    total,
                    message,
                } => {
                    let data = match total {
                        Some(total) => json!({"done": done, "total": total, "message": message}),
                        None => json!({"done": done, "message": message}),
                    };
                    frame("progress", &data)
                }
                Event::Delta(text) => frame("delta", &json!({"text": text})),
                Event::Log { level, message } => {
                    frame("log", &json!({"level": level, "message": message}))
                }
            };
            return Some((Ok(frame), State::Running(follow, guard)));
        }
        let ended = (&mut follow.result)
            .await
            .unwrap_or_else(|gone| Err(ToolError::internal(gone)));
        let last = match ended {
            Ok(value) => frame("result", &value),
            Err(error) => frame(
                "error",
                &Problem::new(error, follow.request.as_ref()).body(),
            ),
        };
        guard.disarm();
        Some((Ok(last), State::Ended))
    })
}

fn frame(name: &str, data: &Value) -> Frame {
    Frame::default().event(name).data(data.to_string())
}
