//! Which hub runs on a data directory: the lock that it holds, and the file in which it says where it listens.

use std::{
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use crate::access::key::write_private;

const LOCK: &str = "hub.lock";
const ADDRESS: &str = "hub.addr";

/// Another hub holds the data directory.
#[derive(Debug, thiserror::Error)]
#[error(
    "another hub is running with the data directory {}: stop it, or set storage.data in config.toml",
    .0.display()
)]
pub struct InUse(PathBuf);

/// Keeps a second hub out of the same data directory for as long as it lives.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held for its lock")] File);

impl Lock {
    /// Takes the lock, or fails with [`InUse`].
    pub async fn take(data: &Path) -> anyhow::Result<Self> {
        let file = open_lock(data)?;
        // Whoever only asks whether a hub runs holds the lock for an instant.
        for _ in 0..5 {
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                // What is there now, a hub left that was killed.
                let _none = std::fs::remove_file(data.join(ADDRESS));
                return Ok(Self(file));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(InUse(data.to_owned()).into())
    }
}

fn open_lock(data: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(data.join(LOCK))
}

/// The address file of a running hub. It is removed when this is dropped.
#[derive(Debug)]
pub struct Announced(PathBuf);

impl Announced {
    /// Says that the holder of the lock on `data` listens on `main`.
    pub fn write(data: &Path, main: SocketAddr) -> io::Result<Self> {
        let path = data.join(ADDRESS);
        write_private(&path, format!("{main}\n").as_bytes())?;
        Ok(Self(path))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "the address file was gone already");
        }
    }
}

/// Whether a hub holds the lock on `data`.
pub fn holds(data: &Path) -> bool {
    File::open(data.join(LOCK))
        .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
}

/// Where the hub that runs on `data` can be reached from this machine. A file that a killed hub left is not believed: its
/// lock is free.
pub fn address(data: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(data.join(ADDRESS)).ok()?;
    let mut address: SocketAddr = text.trim().parse().ok()?;
    if !holds(data) {
        return None;
    }
    if address.ip().is_unspecified() {
        let loopback: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_running_hub_is_found_and_one_that_has_ended_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path();
        assert_eq!(address(data), None);
        let lock = Lock::take(data).await.unwrap();
        let announced = Announced::write(data, "0.0.0.0:9000".parse().unwrap()).unwrap();
        assert_eq!(address(data), Some("127.0.0.1:9000".parse().unwrap()));
        let mode = std::fs::metadata(data.join(ADDRESS)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        drop(announced);
        assert_eq!(address(data), None);
        drop(lock);
    }

    #[tokio::test]
    async fn what_a_killed_hub_left_fools_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path();
        let lock = Lock::take(data).await.unwrap();
        std::mem::forget(Announced::write(data, "127.0.0.1:9000".parse().unwrap()).unwrap());
        assert!(address(data).is_some());
        drop(lock);
        assert_eq!(address(data), None, "nobody holds the lock");
        let _next = Lock::take(data).await.unwrap();
        assert_eq!(address(data), None, "the next hub listens elsewhere");
    }

    #[tokio::test]
    async fn a_second_hub_is_kept_out() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Lock::take(dir.path()).await.unwrap();
        let refused = Lock::take(dir.path()).await.unwrap_err();
        assert!(refused.is::<InUse>(), "{refused}");
    }
}
