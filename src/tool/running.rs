//! How many calls run now, on each server.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::ServerId;

/// Counts running calls, over all registries that follow each other.
#[derive(Debug, Default)]
pub struct Running([AtomicUsize; ServerId::ALL.len()]);

/// A running call: counted until this is dropped.
pub struct Counted {
    running: Arc<Running>,
    server: ServerId,
}

impl Running {
    /// Calls that run on all servers.
    pub fn all(&self) -> usize {
        ServerId::ALL.into_iter().map(|s| self.on(s)).sum()
    }

    /// Calls that run on `server`.
    pub fn on(&self, server: ServerId) -> usize {
        self.0
            .get(server as usize)
            .map_or(0, |n| n.load(Ordering::Acquire))
    }

    /// Counts one more on `server`.
    pub fn start(self: &Arc<Self>, server: ServerId) -> Counted {
        if let Some(count) = self.0.get(server as usize) {
            count.fetch_add(1, Ordering::AcqRel);
        }
        Counted {
            running: Arc::clone(self),
            server,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(count) = self.running.0.get(self.server as usize) {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_on_its_server_until_it_ends() {
        let running = Arc::new(Running::default());
        let call = running.start(ServerId::Git);
        let _other = running.start(ServerId::Issues);
        assert_eq!((running.on(ServerId::Git), running.all()), (1, 2));
        drop(call);
        assert_eq!((running.on(ServerId::Git), running.all()), (0, 1));
    }
}
