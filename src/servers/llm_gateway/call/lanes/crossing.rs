//! A call in one dialect to a provider of another: the answer is written in the caller's as it comes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::servers::llm_gateway::engine::{
    chat::{ChatAnswer, ChatRequest, Piece, Usage},
    dialect::Encoder,
    failure::{Failure, Kind},
    upstream::{Flow, Tally, Upstream},
};

/// Pieces under way between a provider and the caller.
const PIECES: usize = 64;

/// An encoder that also the end of a stream that broke off needs.
pub type SharedEncoder = Arc<Mutex<Box<dyn Encoder>>>;

/// Does `work` with the encoder, and answers with what it wrote.
pub fn write(encoder: &SharedEncoder, work: impl FnOnce(&mut dyn Encoder, &mut String)) -> Bytes {
    let mut out = String::new();
    let mut encoder = encoder.lock().unwrap_or_else(PoisonError::into_inner);
    work(encoder.as_mut(), &mut out);
    Bytes::from(out)
}

struct Crossing {
    encoder: SharedEncoder,
    begun: bool,
    pieces: mpsc::Receiver<Piece>,
    /// Stops asking the provider when it is dropped.
    asking: AbortOnDropHandle<Result<ChatAnswer, Failure>>,
}

enum State {
    Coming(Crossing),
    Ended(Tally),
    Over,
}

/// Asks `upstream`, and writes its answer with `encoder`.
pub fn cross(
    upstream: Arc<dyn Upstream>,
    request: ChatRequest,
    encoder: SharedEncoder,
) -> BoxStream<'static, Result<Flow, Failure>> {
    let (to, pieces) = mpsc::channel(PIECES);
    let asking = tokio::spawn(async move { upstream.chat(&request, Some(to)).await });
    let crossing = Crossing {
        encoder,
        begun: false,
        pieces,
        asking: AbortOnDropHandle::new(asking),
    };
    stream::unfold(State::Coming(crossing), next).boxed()
}

async fn next(state: State) -> Option<(Result<Flow, Failure>, State)> {
    match state {
        State::Coming(mut crossing) => match crossing.pieces.recv().await {
            Some(first) => {
                let bytes = crossing.pieces(&first);
                let flow = Flow::Bytes {
                    bytes,
                    content: true,
                };
                Some((Ok(flow), State::Coming(crossing)))
            }
            None => Some(crossing.end().await),
        },
        State::Ended(tally) => Some((Ok(Flow::End(tally)), State::Over)),
        State::Over => None,
    }
}

impl Crossing {
    /// Writes `first` and what else has come by now.
    fn pieces(&mut self, first: &Piece) -> Bytes {
        let (begun, more) = (self.begun, &mut self.pieces);
        self.begun = true;
        write(&self.encoder, |encoder, out| {
            if !begun {
                encoder.start(&Usage::default(), out);
            }
            encoder.piece(first, out);
            while let Ok(piece) = more.try_recv() {
                encoder.piece(&piece, out);
            }
        })
    }

    async fn end(self) -> (Result<Flow, Failure>, State) {
        let answer = self.asking.await.unwrap_or_else(|error| {
            tracing::error!(%error, "asking a provider ended badly");
            Err(Failure::new(Kind::Broken, "the hub failed to ask it"))
        });
        match answer {
            Ok(answer) => {
                let bytes = write(&self.encoder, |encoder, out| {
                    if !self.begun {
                        encoder.start(&Usage::default(), out);
                    }
                    encoder.end(&answer, out);
                });
                let tally = Tally {
                    usage: answer.usage,
                    finish: Some(answer.finish),
                    mode: None,
                };
                let flow = Flow::Bytes {
                    bytes,
                    content: true,
                };
                (Ok(flow), State::Ended(tally))
            }
            Err(failure) => (Err(failure), State::Over),
        }
    }
}
