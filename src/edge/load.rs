//! Shedding load: what comes on top of what the hub can serve is turned away, cheaply and with a time to come back, so that
//! what is served is served in time.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::{
    io::{AsyncWriteExt, copy, sink},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

use super::{HttpConfig, Hub, gate::RequestId, rest::Problem};
use crate::tool::ToolError;

/// When to come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Places for requests, on all ports together.
#[derive(Clone, Debug)]
pub struct Load {
    places: Arc<Semaphore>,
    max: usize,
}

impl Load {
    pub fn new(config: &HttpConfig) -> Self {
        let max = config.max_concurrent_requests.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(max)),
            max,
        }
    }
}

/// Turns a request away when all places are taken. A place is free again when the answer begins: an open stream takes none.
/// Calls that go on behind a stream, or behind the 202 of HTTP+SSE, count as what they are.
pub async fn shed(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    if hub.registry.running().all() < hub.load.max
        && let Ok(_place) = hub.load.places.try_acquire()
    {
        return next.run(request).await;
    }
    metrics::counter!("syndarix_requests_shed_total").increment(1);
    let error = ToolError::unavailable("the hub is busy: repeat the request after a moment");
    let id = request.extensions().get::<RequestId>().map(|id| &id.0);
    Problem::new(error.retry_after(RETRY_AFTER), id).into()
}

/// What a connection too many is told.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/// How long it takes at most.
const HEARING: Duration = Duration::from_secs(1);

/// Tells connections past the cap to come back later.
#[derive(Debug)]
pub struct Door(Arc<Semaphore>);

impl Door {
    /// For so many at the same time; more are closed without a word, or they would be a way around the cap.
    pub fn new(hearings: usize) -> Self {
        Self(Arc::new(Semaphore::new(hearings)))
    }

    /// Turns `stream` away.
    pub fn turn_away(&self, mut stream: TcpStream) {
        let Ok(hearing) = Arc::clone(&self.0).try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            let told = async {
                stream.write_all(TOO_MANY).await?;
                stream.shutdown().await?;
                // Closing on unread bytes resets the connection, and takes the answer with it.
                copy(&mut stream, &mut sink()).await
            };
            let _heard = timeout(HEARING, told).await;
            drop(hearing);
        });
    }
}
