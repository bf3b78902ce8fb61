//! Carries messages both ways, and from one hub to the next.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use futures::future::OptionFuture;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    dialogue::{Dialogue, Kind, Outgoing, error},
    hubs::Hubs,
    lines::{Line, Output},
    link::{Link, NoLink, Posted},
};

/// Messages read ahead of what the hub has taken.
const AHEAD: usize = 64;
/// How long a hub that went away is waited for before another is opened here: it may be restarting.
const GRACE: Duration = Duration::from_secs(2);
/// Between the end of one hub and the search for the next.
const PAUSE: Duration = Duration::from_millis(50);
/// How often an idle relay looks for a hub.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the last answers are waited for when the input has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

type Posting = Pin<Box<dyn Future<Output = Posted> + Send>>;

pub struct Relay {
    hubs: Hubs,
    input: mpsc::Receiver<Line>,
    /// None when nobody reads it any more.
    output: Option<Output>,
    dialogue: Dialogue,
    outbox: VecDeque<Outgoing>,
    /// Set when the input has ended: when to leave, answers or not.
    leave: Option<Instant>,
}

impl Relay {
    pub fn new(hubs: Hubs, input: mpsc::Receiver<Line>, output: Output) -> Self {
        Self {
            hubs,
            input,
            output: Some(output),
            dialogue: Dialogue::default(),
            outbox: VecDeque::new(),
            leave: None,
        }
    }

    /// Relays until the input has ended and is answered, or nobody reads the output.
    pub async fn run(&mut self) -> anyhow::Result<()> {
        let mut next = match self.hubs.find_or_open(Duration::ZERO).await {
            Ok(link) => Some(link),
            Err(NoLink::NotNow(error) | NoLink::Never(error)) => return Err(error),
        };
        while let Some(link) = next {
            if !self.talk(link).await? {
                return Ok(());
            }
            tracing::info!("the hub is gone");
            for error in self.dialogue.lost() {
                self.say(error).await;
            }
            self.outbox.retain(|m| m.kind != Kind::Response);
            next = self.reconnect().await?;
            for message in self.dialogue.session().into_iter().rev() {
                self.outbox.push_front(message);
            }
        }
        Ok(())
    }

    /// Ends the hub of this process and writes what is left.
    pub async fn close(mut self) {
        self.hubs.close().await;
        if let Some(output) = self.output {
            // A client that does not read is not waited for.
            let _late = tokio::time::timeout(Duration::from_secs(1), output.close()).await;
        }
    }

    /// Talks to one hub: true when it has gone away, false when nothing is left to do.
    async fn talk(&mut self, mut link: Link) -> anyhow::Result<bool> {
        let mut posting: Option<(Outgoing, Posting)> = None;
        loop {
            if posting.is_none()
                && let Some(message) = self.outbox.pop_front()
            {
                self.dialogue.sending(&message);
                let post = link.post(message.text.clone());
                posting = Some((message, Box::pin(post)));
            }
            if self.is_done(posting.is_some()) {
                return Ok(false);
            }
            let leave = OptionFuture::from(self.leave.map(sleep_until));
            let posted = OptionFuture::from(posting.as_mut().map(|(_, post)| post));
            tokio::select! {
                line = self.input.recv(), if self.leave.is_none() && self.outbox.len() < AHEAD => self.take(line).await,
                text = link.next() => {
                    let Some(text) = text else { return Ok(true) };
                    if let Some(text) = self.dialogue.receive(text) {
                        self.say(text).await;
                    }
                }
                Some(posted) = posted => {
                    if let Some((message, _)) = posting.take()
                        && !self.settle(message, posted).await?
                    {
                        return Ok(true);
                    }
                }
                Some(()) = leave => return Ok(false),
            }
        }
    }

    /// Takes in what became of `message`. False when the hub has gone away.
    async fn settle(&mut self, message: Outgoing, posted: Posted) -> anyhow::Result<bool> {
        match posted {
            Posted::Accepted => Ok(true),
            Posted::Refused(error) => {
                if let Some(id) = message.id() {
                    self.dialogue.refused(id);
                    let answer = json!({"jsonrpc": "2.0", "id": id, "error": error});
                    self.say(answer.to_string()).await;
                } else {
                    tracing::warn!(%error, "the hub refused a message");
                }
                Ok(true)
            }
            Posted::NotTaken => {
                if !message.is_kept() {
                    if let Some(id) = message.id() {
                        self.dialogue.refused(id);
                    }
                    self.outbox.push_front(message);
                }
                Ok(false)
            }
            Posted::Gone => Ok(false),
            Posted::Denied => anyhow::bail!(
                "the hub does not accept the token any more: set SYX_TOKEN to a valid one and start again"
            ),
        }
    }

    /// A stream of the next hub; none when nothing is left to do. As long as there is nothing to send, no hub is opened
    /// here: one that restarts would find its place taken.
    async fn reconnect(&mut self) -> anyhow::Result<Option<Link>> {
        loop {
            sleep(PAUSE).await;
            if self.is_done(false) {
                return Ok(None);
            }
            if self.outbox.is_empty() && !self.dialogue.is_waiting() {
                match self.hubs.find().await {
                    Ok(Some(link)) => return Ok(Some(link)),
                    Ok(None) | Err(NoLink::NotNow(_)) => {}
                    Err(NoLink::Never(error)) => return Err(error),
                }
                tokio::select! {
                    line = self.input.recv() => self.take(line).await,
                    () = sleep(LOOK_EVERY) => {}
                }
                continue;
            }
            let problem = match self.hubs.find_or_open(GRACE).await {
                Ok(link) => return Ok(Some(link)),
                Err(NoLink::Never(error)) => return Err(error),
                Err(NoLink::NotNow(error)) => error,
            };
            let message = format!("no hub can be reached ({problem:#}): call again later");
            let unsent: Vec<Outgoing> = self.outbox.drain(..).collect();
            let unsent = unsent.iter().filter_map(Outgoing::id);
            let mut errors: Vec<String> = unsent.map(|id| error(id, -32000, &message)).collect();
            errors.extend(self.dialogue.give_up(&message));
            for error in errors {
                self.say(error).await;
            }
        }
    }

    /// Takes in a line of the client, or the end of them.
    async fn take(&mut self, line: Option<Line>) {
        let read = match line {
            None => {
                self.leave = Some(Instant::now() + LAST_ANSWERS);
                return;
            }
            Some(Line::Text(text)) if text.trim().is_empty() => return,
            Some(Line::Text(text)) => self.dialogue.read(text),
            Some(Line::Unreadable(why)) => Err(error(&Value::Null, -32700, why)),
        };
        match read {
            Ok(message) => self.outbox.extend(message),
            Err(answer) => self.say(answer).await,
        }
    }

    async fn say(&mut self, text: String) {
        if let Some(output) = &self.output
            && !output.line(text).await
        {
            self.output = None;
        }
    }

    fn is_done(&self, posting: bool) -> bool {
        let ended = self.leave.is_some();
        let idle = !posting && self.outbox.is_empty() && !self.dialogue.is_waiting();
        self.output.is_none() || (ended && idle)
    }
}
