//! The processes that take documents apart, as the hub sees them: started when they are needed, used again and again,
//! killed when a document takes too long, and replaced when one has killed them.
#![allow(
    clippy::disallowed_methods,
    reason = "the processes that read documents are started here"
)]

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    process::Child,
    sync::Semaphore,
    time::timeout,
};

use super::{
    Extracted, Fault,
    worker::{Answer, COMMAND, Order},
};
use crate::servers::knowledge_base::model::Format;

/// Documents after which a process is replaced: parsers and allocators keep what they once had.
const MOST_DOCUMENTS: u32 = 200;
/// Longest head of an answer.
const MOST_HEAD: u64 = 64 << 10;

/// How a process is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// How long one document may take.
    pub patience: Duration,
}

impl Default for Program {
    /// This executable, by the link that stays right when the file on disk is replaced.
    fn default() -> Self {
        Self {
            path: PathBuf::from("/proc/self/exe"),
            args: vec![COMMAND.to_owned()],
            patience: Duration::from_secs(20),
        }
    }
}

/// The processes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Workers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: Program,
    places: Semaphore,
    idle: Mutex<Vec<Worker>>,
}

#[derive(Debug)]
struct Worker {
    /// Killed when it is dropped.
    _child: Child,
    socket: BufReader<UnixStream>,
    served: u32,
}

impl Workers {
    /// At most `most` processes at once.
    pub fn new(program: Program, most: usize) -> Self {
        Self(Arc::new(Inner {
            program,
            places: Semaphore::new(most.max(1)),
            idle: Mutex::default(),
        }))
    }

    /// Takes a document apart. `most` bounds its text, in bytes.
    pub async fn extract(
        &self,
        format: Format,
        bytes: &[u8],
        charset: Option<String>,
        most: usize,
    ) -> Result<Extracted, Fault> {
        let order = Order {
            format,
            charset,
            most,
            bytes: bytes.len(),
        };
        let _place = self.0.places.acquire().await;
        let used = self.idle().pop();
        if let Some(worker) = used {
            match self.ask(worker, &order, bytes).await {
                // It may have ended because it had nothing to do; that says nothing about the document.
                Err(Fault::Unreadable(why)) if why == DIED => {}
                answer => return answer,
            }
        }
        let worker = self
            .start()
            .map_err(|error| Fault::NoReader(error.to_string()))?;
        self.ask(worker, &order, bytes).await
    }

    async fn ask(
        &self,
        mut worker: Worker,
        order: &Order,
        bytes: &[u8],
    ) -> Result<Extracted, Fault> {
        let patience = self.0.program.patience;
        let answer = match timeout(patience, worker.exchange(order, bytes)).await {
            Err(_) => return Err(Fault::TimedOut(patience.as_secs())),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a reader of documents died");
                return Err(Fault::unreadable(DIED));
            }
            Ok(Ok(answer)) => answer,
        };
        if worker.served < MOST_DOCUMENTS {
            self.idle().push(worker);
        }
        answer
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> io::Result<Worker> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let child = tokio::process::Command::new(&self.0.program.path)
            .args(&self.0.program.args)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Worker {
            _child: child,
            socket: BufReader::new(UnixStream::from_std(ours)?),
            served: 0,
        })
    }
}

/// What is said where a process ended in the middle of a document.
const DIED: &str = "reading it took more memory than there is for one document, or broke its reader: \
                    split it, export it anew, or give its text";

impl Worker {
    /// Sends the order and reads the answer. An error means that the process is gone or confused.
    async fn exchange(
        &mut self,
        order: &Order,
        bytes: &[u8],
    ) -> io::Result<Result<Extracted, Fault>> {
        self.served += 1;
        let mut head = serde_json::to_vec(order)?;
        head.push(b'\n');
        self.socket.write_all(&head).await?;
        self.socket.write_all(bytes).await?;
        let mut line = Vec::new();
        (&mut self.socket)
            .take(MOST_HEAD)
            .read_until(b'\n', &mut line)
            .await?;
        match serde_json::from_slice(&line)? {
            Answer::Fault(fault) => Ok(Err(fault)),
            Answer::Text { bytes, .. } if bytes > order.most => {
                Err(io::Error::other("it answered more than it was asked for"))
            }
            Answer::Text {
                title,
                bytes,
                unread,
            } => {
                let mut text = vec![0; bytes];
                self.socket.read_exact(&mut text).await?;
                let text = String::from_utf8(text).map_err(io::Error::other)?;
                Ok(Ok(Extracted {
                    title,
                    text,
                    unread,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(path: &str, args: &[&str]) -> Fault {
        let program = Program {
            path: path.into(),
            args: args.iter().map(ToString::to_string).collect(),
            patience: Duration::from_secs(1),
        };
        let workers = Workers::new(program, 1);
        workers
            .extract(Format::Html, b"<p>", None, 100)
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn a_process_that_is_stuck_dead_or_missing_is_told() {
        assert_eq!(ask("sleep", &["60"]).await, Fault::TimedOut(1));
        assert_eq!(ask("true", &[]).await, Fault::unreadable(DIED));
        assert!(matches!(ask("/no/such", &[]).await, Fault::NoReader(_)));
    }
}
