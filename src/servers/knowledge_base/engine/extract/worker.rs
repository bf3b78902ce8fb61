//! `syndarix extract-worker`: takes documents apart in a process of its own, one after the other, with little memory and
//! little time. Whatever a document makes its parser do, it does it here.
//!
//! Orders come in and answers go out over the socket that is its standard input: a line of JSON, then the bytes.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    panic, thread,
    time::Duration,
};

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};

use super::{Extracted, Fault};
use crate::servers::knowledge_base::model::Format;

/// Hidden command of the executable that runs [`main`].
pub const COMMAND: &str = "extract-worker";
/// Memory of the process, in bytes of address space.
const MEMORY: u64 = 768 << 20;
/// Processor time for one document, in seconds. The hub's own patience is shorter; this ends a process whose hub is dead.
const PROCESSOR: u64 = 60;
/// Parsers recurse as deep as documents nest.
const STACK: usize = 64 << 20;
/// A process that has had nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(30);

/// What to take apart; its bytes follow.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// What it is.
    pub format: Format,
    /// Its encoding, where its sender said.
    pub charset: Option<String>,
    /// Most bytes of text.
    pub most: usize,
    /// Bytes of the document.
    pub bytes: usize,
}

/// What came of it; the text follows.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Its text has so many bytes.
    Text {
        /// What the document calls itself.
        title: Option<String>,
        /// Bytes of its text.
        bytes: usize,
        /// Pages that could not be read.
        unread: Vec<u32>,
    },
    /// It cannot be read.
    Fault(Fault),
}

/// Body of the hidden command; returns the exit status.
pub fn main() -> i32 {
    let limit = |resource, most| {
        setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        )
    };
    // Without its limits it must not run.
    if limit(Resource::As, MEMORY).is_err() || limit(Resource::Core, 0).is_err() {
        return 1;
    }
    panic::set_hook(Box::new(|_| {}));
    let worker = thread::Builder::new().stack_size(STACK).spawn(serve);
    match worker.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => 0,
        _ => 1,
    }
}

fn serve() -> io::Result<()> {
    let mut out = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    out.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(out.try_clone()?);
    let mut line = String::new();
    // Nothing more to do, or nobody to do it for.
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        let order: Order = serde_json::from_str(&line)?;
        line.clear();
        let mut bytes = vec![0; order.bytes];
        reader.read_exact(&mut bytes)?;
        allow_processor()?;
        let (answer, text) = match contained(&order, &bytes) {
            Ok(Extracted {
                title,
                text,
                unread,
            }) => {
                let bytes = text.len();
                let answer = Answer::Text {
                    title,
                    bytes,
                    unread,
                };
                (answer, text)
            }
            Err(fault) => (Answer::Fault(fault), String::new()),
        };
        let mut head = serde_json::to_vec(&answer)?;
        head.push(b'\n');
        out.write_all(&head)?;
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn contained(order: &Order, bytes: &[u8]) -> Result<Extracted, Fault> {
    let charset = order.charset.as_deref();
    panic::catch_unwind(|| super::parse(order.format, bytes, charset, order.most)).unwrap_or_else(|_| {
        Err(Fault::unreadable(
            "it is damaged in a way that its parser does not know: export it anew, or give its text",
        ))
    })
}

/// Gives the process its time for one more document.
fn allow_processor() -> io::Result<()> {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
    let limit = Rlimit {
        current: Some(used + PROCESSOR),
        maximum: None,
    };
    Ok(setrlimit(Resource::Cpu, limit)?)
}
