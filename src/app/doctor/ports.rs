//! The ports: free for a hub that is to start, or answered by the one that runs.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use tokio::net::TcpStream;

use super::{Finding, Patient, running};
use crate::access::ServerId;

const PORTS: &str = "ports";
/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(2);

pub async fn check(patient: &Patient<'_>) -> Vec<Finding> {
    if patient.runs {
        return vec![hub(patient).await];
    }
    let settings = patient.settings;
    let own = ServerId::ALL.into_iter().filter_map(|server| {
        let key = format!("servers.{server}.listen");
        settings.listen(server).map(|address| (key, address))
    });
    let main = ("http.listen".to_owned(), settings.http.listen.clone());
    let mut taken: BTreeMap<SocketAddr, String> = BTreeMap::new();
    let mut found = Vec::new();
    for (key, address) in std::iter::once(main).chain(own) {
        let Ok(address) = address.parse::<SocketAddr>() else {
            continue;
        };
        if address.port() == 0 {
            continue;
        }
        if let Some(other) = taken.get(&address) {
            let twice = format!("{address} is asked for by both {other} and {key}");
            found.push(Finding::error(PORTS, twice, format!("set another {key}")));
            continue;
        }
        found.extend(free(&key, address));
        taken.insert(address, key);
    }
    if found.is_empty() {
        found.push(Finding::ok(PORTS, format!("{} are free", taken.len())));
    }
    found
}

fn free(key: &str, address: SocketAddr) -> Option<Finding> {
    let error = TcpListener::bind(address).err()?;
    let (found, next) = match error.kind() {
        ErrorKind::AddrInUse => (
            format!("{address} is in use by another program"),
            format!("stop that, or set {key} in config.toml"),
        ),
        ErrorKind::AddrNotAvailable => (
            format!("{address} is no address of this machine"),
            format!("set {key} to one that is"),
        ),
        ErrorKind::PermissionDenied => (
            format!("{address} may not be used by this user"),
            format!("set {key} to a port of 1024 or more, and a proxy in front"),
        ),
        _ => (
            format!("{address} cannot be used: {error}"),
            format!("set {key} in config.toml"),
        ),
    };
    Some(Finding::error(PORTS, found, next))
}

/// Whether the hub that runs answers.
async fn hub(patient: &Patient<'_>) -> Finding {
    let Some(address) = running::address(&patient.data) else {
        let next = "wait for its start to end, or see its log";
        return Finding::warning(
            PORTS,
            "a hub has the data directory, but does not listen yet",
            next,
        );
    };
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await;
    if matches!(connected, Ok(Ok(_))) {
        return Finding::ok(PORTS, format!("a hub runs, and answers at {address}"));
    }
    let next = "see its log; stop it and start it again";
    let silent = format!("a hub runs, but does not answer at {address}");
    Finding::error(PORTS, silent, next)
}
