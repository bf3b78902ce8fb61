//! What may be pushed: looked at before the program sees any of it.

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    failed,
    pkt::{self, Packet},
};
use crate::{
    project::workspace::{branch_holders, default_branch},
    servers::git::{
        Git,
        cli::Command,
        engine::{Error, name},
        store::RepoKey,
    },
    tool::{Ctx, Incoming, ToolError},
};

/// Longest list of refs in a push, in bytes.
const MAX_COMMANDS: usize = 4 << 20;
/// Most that the program answers, in bytes.
const MAX_ANSWER: u64 = 16 << 20;
/// The object id of nothing.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// What a push wants of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) name: String,
    pub(super) deletes: bool,
}

/// The beginning of a push.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// All bytes that were read, to be passed on.
    bytes: Vec<u8>,
    pub(super) updates: Vec<Update>,
    /// Whether the client takes the answer in a band of its own.
    pub(super) banded: bool,
}

/// Passes a push on to the program if all of it may be; the answer to the client. Where some of it may not, none of it is.
pub async fn receive(
    server: &Git,
    ctx: &Ctx,
    key: &RepoKey,
    command: Command,
    mut incoming: Incoming,
) -> Result<Bytes, ToolError> {
    let head = read(&mut incoming).await?;
    let refused = server.refused(ctx, key, &head.updates).await?;
    if !refused.is_empty() {
        // A client that is still sending would not read the answer.
        while let Some(piece) = incoming.next().await {
            piece?;
        }
        return Ok(report(&head, &refused));
    }
    let mut running = command.start().map_err(failed)?;
    let (stdin, stdout) = (running.stdin.take(), running.stdout.take());
    let tell = async {
        let Some(mut stdin) = stdin else {
            return Ok(());
        };
        // One that has enough closes its input; its answer says why.
        let mut listens = stdin.write_all(&head.bytes).await.is_ok();
        while let Some(piece) = incoming.next().await {
            let piece = piece?;
            listens = listens && stdin.write_all(&piece).await.is_ok();
        }
        Ok::<_, ToolError>(())
    };
    let listen = async {
        let mut answer = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        }
        Ok::<_, ToolError>(answer)
    };
    let (told, answer) = tokio::join!(tell, listen);
    told?;
    let answer = answer?;
    // What it refuses it says in its answer, and ends with a failure all the same.
    if let Err(error) = running.end().await
        && answer.is_empty()
    {
        return Err(failed(error));
    }
    ctx.changed("git/branches".to_owned());
    ctx.changed("git/pulls".to_owned());
    Ok(Bytes::from(answer))
}

/// Reads a push up to its pack.
pub(super) async fn read(incoming: &mut Incoming) -> Result<Head, ToolError> {
    let malformed = |error: pkt::Malformed| ToolError::invalid("", error.to_string());
    let mut head = Head::default();
    let mut at = 0;
    loop {
        while let Some((packet, length)) =
            pkt::first(head.bytes.get(at..).unwrap_or_default()).map_err(malformed)?
        {
            at += length;
            let Packet::Line(line) = packet else {
                return Ok(head);
            };
            let (command, capabilities) = split(line);
            if let Some(capabilities) = capabilities {
                head.banded = capabilities.split(' ').any(|word| word == "side-band-64k");
            }
            // Boundaries of a shallow clone are no refs.
            if !command.starts_with("shallow ") {
                let update = update(&command).ok_or(pkt::Malformed).map_err(malformed)?;
                head.updates.push(update);
            }
        }
        if head.bytes.len() > MAX_COMMANDS {
            return Err(ToolError::too_large(format!(
                "a push of more than {MAX_COMMANDS} bytes of refs"
            )));
        }
        match incoming.next().await {
            Some(piece) => head.bytes.extend_from_slice(&piece?),
            // git asks with an empty push whether it may.
            None if head.bytes.is_empty() => return Ok(head),
            None => return Err(ToolError::invalid("", "the request body broke off")),
        }
    }
}

/// A line's command, and the capabilities behind it.
fn split(line: &[u8]) -> (String, Option<String>) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\n');
    match text.split_once('\0') {
        Some((command, capabilities)) => (command.to_owned(), Some(capabilities.trim().to_owned())),
        None => (text.to_owned(), None),
    }
}

/// `<old> <new> <name>`.
fn update(command: &str) -> Option<Update> {
    let mut words = command.splitn(3, ' ');
    let (_old, new, name) = (words.next()?, words.next()?, words.next()?);
    Some(Update {
        name: name.to_owned(),
        deletes: new == NOTHING,
    })
}

/// That nothing was done, as the program would say it.
fn report(head: &Head, refused: &[(String, String)]) -> Bytes {
    let mut status = Vec::new();
    pkt::line(&mut status, b"unpack ok\n");
    for update in &head.updates {
        let own = refused.iter().find(|(name, _)| *name == update.name);
        let why = own.map_or(
            "nothing was done, for another ref was refused",
            |(_, why)| why.as_str(),
        );
        pkt::line(
            &mut status,
            format!("ng {} {why}\n", update.name).as_bytes(),
        );
    }
    pkt::flush(&mut status);
    if !head.banded {
        return Bytes::from(status);
    }
    let mut out = Vec::new();
    for part in status.chunks(pkt::MAX - 5) {
        let band: Vec<u8> = std::iter::once(1).chain(part.iter().copied()).collect();
        pkt::line(&mut out, &band);
    }
    pkt::flush(&mut out);
    Bytes::from(out)
}

impl Git {
    /// Those of `updates` that are refused, and why, in a line each.
    async fn refused(
        &self,
        ctx: &Ctx,
        key: &RepoKey,
        updates: &[Update],
    ) -> Result<Vec<(String, String)>, ToolError> {
        let (wanted, agent) = (updates.to_vec(), ctx.agent().clone());
        let mut refused = self
            .look_bare(ctx, key, move |repository, _| {
                let default = default_branch(repository)?;
                let mut refused = Vec::new();
                for update in wanted {
                    let Some(branch) = update.name.strip_prefix("refs/heads/") else {
                        if !update.name.starts_with("refs/tags/") {
                            refused.push((
                                update.name,
                                "only branches and tags can be pushed".to_owned(),
                            ));
                        }
                        continue;
                    };
                    let why = if let Err(error) =
                        name::check_branch(branch).and_then(|()| name::check_own(branch, &agent))
                    {
                        Some(error.to_string())
                    } else if update.deletes && branch == default {
                        Some("the default branch cannot be deleted".to_owned())
                    } else {
                        let holder = branch_holders(repository, branch)?.pop();
                        holder
                            .map(|holder| format!("checked out in the worktree of agent {holder}"))
                    };
                    refused.extend(why.map(|why| (update.name.clone(), why)));
                }
                Ok::<_, Error>(refused)
            })
            .await?;
        for update in updates {
            if let Some(branch) = update.name.strip_prefix("refs/heads/")
                && self.rule(key, branch).await?.is_some()
            {
                let why = "the branch is protected: open a pull request with create_pull_request"
                    .to_owned();
                refused.push((update.name.clone(), why));
            }
        }
        Ok(refused)
    }
}
