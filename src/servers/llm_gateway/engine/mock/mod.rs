//! The built-in provider: deterministic, free, and able to fail on demand, so that a hub without any key can be tried and
//! failures rehearsed. Everything it says is marked as simulated.

mod speech;
#[cfg(test)]
mod tests;
mod words;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};

use self::{
    speech::{Speech, Spoken},
    words::{count, lorem, text_of, vector},
};
use super::{
    chat::{ChatAnswer, ChatRequest, EmbedAnswer, EmbedRequest, Message, Role, ToolChoice, Usage},
    directive::Directives,
    failure::{Failure, Kind},
    upstream::{Operation, Pieces, Relay, Relayed, Upstream},
};

/// Its models.
pub const MODELS: [&str; 3] = ["echo", "lorem", "embed"];
/// Dimensions of `mock/embed` unless others are asked for.
const DIMENSIONS: u32 = 64;
/// Words of `mock/lorem` unless others are asked for.
const WORDS: usize = 20;

/// The provider `mock`.
#[derive(Debug, Default)]
pub struct Mock {
    started: AtomicU64,
    ended: AtomicU64,
    cancelled: AtomicU64,
}

/// What has become of the requests to the provider `mock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Still being answered.
    pub active: u64,
    /// Answered or failed.
    pub ended: u64,
    /// Dropped before they ended.
    pub cancelled: u64,
}

impl Mock {
    pub fn counts(&self) -> Counts {
        let [started, ended, cancelled] =
            [&self.started, &self.ended, &self.cancelled].map(|count| count.load(Ordering::SeqCst));
        Counts {
            active: started.saturating_sub(ended + cancelled),
            ended,
            cancelled,
        }
    }

    /// Counts `work`, and whether it is dropped before its end.
    async fn counted<T>(&self, work: impl Future<Output = T>) -> T {
        struct Begun<'a>(&'a Mock, bool);
        impl Drop for Begun<'_> {
            fn drop(&mut self) {
                let count = if self.1 {
                    &self.0.ended
                } else {
                    &self.0.cancelled
                };
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.started.fetch_add(1, Ordering::SeqCst);
        let mut begun = Begun(self, false);
        let done = work.await;
        begun.1 = true;
        done
    }
}

impl Upstream for Mock {
    fn relays(&self, _: Operation) -> bool {
        false
    }

    fn relay(&self, _: Relay) -> BoxFuture<'_, Result<Relayed, Failure>> {
        let failure = Failure::new(Kind::NoSuchOperation, "the mock provider relays nothing");
        std::future::ready(Err(failure)).boxed()
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        pieces: Option<Pieces>,
    ) -> BoxFuture<'a, Result<ChatAnswer, Failure>> {
        self.counted(chat(request, pieces)).boxed()
    }

    fn embed<'a>(
        &'a self,
        request: &'a EmbedRequest,
    ) -> BoxFuture<'a, Result<EmbedAnswer, Failure>> {
        self.counted(embed(request)).boxed()
    }
}

async fn chat(request: &ChatRequest, pieces: Option<Pieces>) -> Result<ChatAnswer, Failure> {
    let asked = last(request, Role::User);
    let orders = orders(&request.model, &asked).await?;
    // Results of tools are answered, not with another call of the tool: else an agent would never end.
    let results = last_is(request, Role::Tool).then(|| last(request, Role::Tool));
    let text = match name(&request.model) {
        "echo" => results.clone().unwrap_or(asked),
        "lorem" => lorem(orders.tok.unwrap_or(WORDS)),
        other => return Err(unknown(other)),
    };
    let mut speech = Speech::new(request, &orders, pieces);
    let call = orders
        .tool
        .clone()
        .filter(|_| results.is_none() && request.tool_choice != Some(ToolChoice::None));
    let (thoughts, mut spoken) = (lorem(orders.think), Spoken::All);
    for word in thoughts.split_inclusive(' ') {
        spoken = speech.think(word).await?;
        if spoken == Spoken::Cut {
            break;
        }
    }
    match call {
        _ if spoken == Spoken::Cut => {}
        Some(name) => {
            spoken = speech
                .call(&name, orders.args.as_deref().unwrap_or("{}"))
                .await?;
        }
        None => {
            for word in text.split_inclusive(' ') {
                spoken = speech.say(word).await?;
                if spoken != Spoken::All {
                    break;
                }
            }
        }
    }
    Ok(speech.end(spoken))
}

async fn embed(request: &EmbedRequest) -> Result<EmbedAnswer, Failure> {
    let first = request.inputs.first().map_or("", String::as_str);
    orders(&request.model, first).await?;
    if name(&request.model) != "embed" {
        return Err(unknown(name(&request.model)));
    }
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS);
    let inputs = request.inputs.iter();
    Ok(EmbedAnswer {
        vectors: inputs
            .clone()
            .map(|input| vector(input, dimensions))
            .collect(),
        usage: Usage {
            input: Some(inputs.map(|input| count(input)).sum()),
            ..Usage::default()
        },
    })
}

/// Reads the directives, waits for the first token, and fails where that is the order.
async fn orders(model: &str, message: &str) -> Result<Directives, Failure> {
    let orders =
        Directives::find(model, message).map_err(|why| Failure::new(Kind::BadRequest, why))?;
    pause(orders.ttft).await;
    if orders.hang {
        std::future::pending::<()>().await;
    }
    match orders.status {
        Some(status) if !(200..300).contains(&status) => {
            let message = format!("the mock provider answers {status} as it was told to");
            let wait = orders.retry.map(Duration::from_secs);
            Err(Failure::of_status(status, message, wait))
        }
        _ => Ok(orders),
    }
}

fn name(model: &str) -> &str {
    model.split(':').next().unwrap_or(model)
}

fn unknown(name: &str) -> Failure {
    Failure::new(
        Kind::NoSuchModel,
        format!("the mock provider has no model for this called {name}"),
    )
}

/// Whether the last turn is `role`'s.
fn last_is(request: &ChatRequest, role: Role) -> bool {
    request
        .messages
        .last()
        .is_some_and(|message| message.role == role)
}

/// The text of `role`'s last turn, or of the several that end the chat.
fn last(request: &ChatRequest, role: Role) -> String {
    let is = |message: &&Message| message.role == role;
    let turns: Vec<&Message> = request
        .messages
        .iter()
        .rev()
        .skip_while(|message| !is(message))
        .take_while(is)
        .take(if role == Role::Tool { usize::MAX } else { 1 })
        .collect();
    let texts = turns.iter().rev().flat_map(|turn| &turn.parts).map(text_of);
    texts
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
