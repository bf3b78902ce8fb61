//! Talking to the program while it runs: for what serves clones and pushes.

use std::process::Stdio;

use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStdin, ChildStdout},
    task::JoinHandle,
};

use super::{Command, Error, run, scrub};

/// A running program. Dropping it kills it and all that it started.
#[derive(Debug)]
pub struct Running {
    command: Command,
    child: Child,
    id: Option<u32>,
    said: JoinHandle<Vec<u8>>,
    /// To be closed (taken and dropped) when all is said.
    pub stdin: Option<ChildStdin>,
    /// Its answer.
    pub stdout: Option<ChildStdout>,
}

impl Command {
    /// Starts it; the input of [`Command::input`] is not used. The limit on time is the caller's to keep.
    pub fn start(self) -> Result<Running, Error> {
        let mut process = tokio::process::Command::from(self.process());
        let mut child = process
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::Start)?;
        let stderr = child.stderr.take();
        let said = tokio::spawn(async move {
            let mut said = Vec::new();
            if let Some(mut stderr) = stderr {
                let mut buffer = [0; 4096];
                // Read to its end, so that it never waits for us; only the start is kept.
                while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
                    let room = (2 * scrub::MOST).saturating_sub(said.len());
                    said.extend_from_slice(buffer.get(..read.min(room)).unwrap_or_default());
                }
            }
            said
        });
        Ok(Running {
            id: child.id(),
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            command: self,
            child,
            said,
        })
    }
}

impl Running {
    /// Waits for its end; its input is closed first.
    pub async fn end(mut self) -> Result<(), Error> {
        self.stdin = None;
        let status = self.child.wait().await.map_err(Error::Start)?;
        self.id = None;
        if status.success() {
            return Ok(());
        }
        let said = (&mut self.said).await.unwrap_or_default();
        Err(self.command.failed(status, &said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.said.abort();
        if let Some(id) = self.id {
            run::kill(id);
        }
    }
}
