//! The bounded pool for work that blocks a thread: git, search, parsing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Semaphore;

use super::{Code, ToolError};
use crate::observe::Held;

/// Says whether the work should stop: its call was cancelled, ran out of time, or lost its caller.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether to stop. Ask it in every loop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error to return with `?` when the work should stop.
    pub fn check(&self) -> Result<(), ToolError> {
        if self.is_set() {
            Err(ToolError::new(Code::Cancelled, "the call was cancelled"))
        } else {
            Ok(())
        }
    }

    /// Asks the work to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for libraries that poll one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// A limit on threads that block. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Semaphore>);

impl Pool {
    /// A pool of `threads`; 0 for twice the number of processors.
    pub fn new(threads: usize) -> Self {
        let default = || std::thread::available_parallelism().map_or(4, |n| n.get() * 2);
        Self(Arc::new(Semaphore::new(if threads == 0 {
            default()
        } else {
            threads
        })))
    }

    /// Runs `work` on a thread that may block. Dropping the future asks the work to stop; its place is free again when
    /// it has.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Stop) -> Result<R, ToolError> + Send + 'static,
    ) -> Result<R, ToolError> {
        let waiting = Held::on("syndarix_blocking_waiting");
        let place = Arc::clone(&self.0)
            .acquire_owned()
            .await
            .map_err(ToolError::internal)?;
        drop(waiting);
        let running = Held::on("syndarix_blocking_running");
        let stop = Stop::default();
        let guard = StopOnDrop(stop.clone());
        let done = tokio::task::spawn_blocking(move || {
            let out = work(&stop);
            drop((running, place));
            out
        })
        .await;
        drop(guard);
        done.map_err(ToolError::internal)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn dropping_the_call_stops_its_work() {
        let pool = Pool::new(1);
        let (said, heard) = std::sync::mpsc::channel();
        let call = pool.run(move |stop| {
            while !stop.is_set() {
                std::thread::sleep(Duration::from_millis(1));
            }
            said.send(()).unwrap();
            Ok(())
        });
        tokio::time::timeout(Duration::from_millis(50), call)
            .await
            .unwrap_err();
        heard.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(pool.run(|_| Ok(7)).await.unwrap(), 7);
    }
}
