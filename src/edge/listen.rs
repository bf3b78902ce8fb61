//! Accepting connections: TCP_NODELAY on every socket, a cap, a deadline for headers, and draining.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};
use tower_http::timeout::TimeoutBody;

use super::{HttpConfig, Routes, load::Door, proxies::Peer, stall::CutStalled};

/// Connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;
/// Connections past the cap that are told so at the same time.
const HEARINGS: usize = 64;

/// How long a client may leave its answer unread, unless it is said otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// A bound port.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
    patience: Duration,
}

/// Binds `address`, or says in one line why it cannot.
pub async fn bind(address: &str) -> anyhow::Result<Listener> {
    let inner = listen(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is in use: stop the program that listens there, or choose another address in config.toml"
        ),
        _ => anyhow::anyhow!("cannot listen on {address}: {error}"),
    })?;
    let address = inner.local_addr()?;
    Ok(Listener {
        inner,
        address,
        patience: PATIENCE,
    })
}

/// `TcpListener::bind` lets 128 connections wait. Where more clients come at the same time, as after a restart, the others' SYN
/// is dropped and sent again after a second.
fn listen(address: &str) -> io::Result<TcpListener> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listener {
    /// Cuts off clients that do not read for `patience`: their answers hold memory, and streams the sessions behind them.
    #[must_use]
    pub fn cut_stalled_after(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Serves `routes` until `stop` is cancelled, then lets running requests end until `drain_s` has passed.
    pub async fn serve(self, routes: Routes, config: Arc<HttpConfig>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(config.max_connections));
        let door = Door::new(HEARINGS);
        let graceful = GracefulShutdown::new();
        loop {
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.inner.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, most likely: let some connections end first.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                door.turn_away(stream);
                continue;
            };
            let peer = Peer(peer.ip());
            let connection = connection(stream, peer, self.patience, routes.clone(), &config);
            let watched = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%error, "connection ended");
                }
                drop(place);
            });
        }
        drop(self.inner);
        let patience = Duration::from_secs(config.drain_s);
        if tokio::time::timeout(patience, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::debug!(address = %self.address, "connections were cut at the end of the drain time");
        }
    }
}

fn connection(
    stream: TcpStream,
    peer: Peer,
    patience: Duration,
    routes: Routes,
    config: &HttpConfig,
) -> hyper::server::conn::http1::Connection<
    TokioIo<CutStalled<TcpStream>>,
    impl hyper::service::Service<
        hyper::Request<Incoming>,
        Response = axum::response::Response,
        Error = Infallible,
        Future: Send,
    > + use<>,
> {
    // With Nagle's algorithm on, a small answer waits ~40 ms for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let slow = Duration::from_secs(config.header_timeout_s);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut router = routes.current().into_service::<axum::body::Body>();
        async move {
            let mut request = request.map(|b| axum::body::Body::new(TimeoutBody::new(slow, b)));
            request.extensions_mut().insert(peer);
            match router.ready().await {
                Ok(ready) => ready.call(request).await,
                Err(never) => match never {},
            }
        }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(slow)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(CutStalled::new(stream, patience)), service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn accepted_sockets_do_not_delay_small_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let watch = accepted.into_std().unwrap();
        let twin = TcpStream::from_std(watch.try_clone().unwrap()).unwrap();
        assert!(!twin.nodelay().unwrap());
        let _connection = connection(
            TcpStream::from_std(watch).unwrap(),
            Peer(twin.peer_addr().unwrap().ip()),
            PATIENCE,
            Routes::new(Router::new()),
            &HttpConfig::default(),
        );
        assert!(twin.nodelay().unwrap());
        drop(client);
    }

    #[tokio::test]
    async fn stopping_lets_a_running_request_end_and_takes_no_new_one() {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.address;
        let stop = CancellationToken::new();
        let slow = get(|| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        });
        let served = tokio::spawn(listener.serve(
            Routes::new(Router::new().route("/slow", slow)),
            Arc::new(HttpConfig::default()),
            stop.clone(),
        ));
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.cancel();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("done"), "{answer}");
        served.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn many_clients_may_come_at_the_same_time() {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let connect = || TcpStream::connect(listener.address);
        let all = futures::future::join_all((0..200).map(|_| connect()));
        let patience = Duration::from_millis(800);
        let connected = tokio::time::timeout(patience, all).await.unwrap();
        assert!(connected.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_port_in_use_is_said_in_one_line() {
        let first = bind("127.0.0.1:0").await.unwrap();
        let error = bind(&first.address.to_string())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("is in use") && !error.contains('\n'),
            "{error}"
        );
    }
}
