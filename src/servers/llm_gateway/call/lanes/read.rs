//! Calls that came by the hub's own tools: they are of no dialect from the start.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::{FutureExt, future::BoxFuture};
use tokio::sync::mpsc;

use crate::{
    servers::llm_gateway::{
        call::attempts::Lane,
        engine::{
            chat::{ChatAnswer, ChatRequest, EmbedAnswer, EmbedRequest, Piece, Usage},
            failure::{Failure, Partial},
        },
        routing::plan::Target,
    },
    tool::Ctx,
};

/// Pieces under way between a provider and the caller.
const PIECES: usize = 64;

/// A chat; its text goes to the caller as it comes.
pub struct Chat<'a> {
    pub ctx: &'a Ctx,
    pub request: ChatRequest,
    /// Counts the pieces that the caller gets.
    pub seen: Arc<AtomicU64>,
}

impl Lane for Chat<'_> {
    type Got = ChatAnswer;

    fn send<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<ChatAnswer, Failure>> {
        async move {
            let mut request = self.request.clone();
            request.model = target.key.model.to_string();
            if !request.stream {
                return target.upstream.chat(&request, None).await;
            }
            let (pieces, mut coming) = mpsc::channel(PIECES);
            let mut said = String::new();
            let answer = target.upstream.chat(&request, Some(pieces));
            let hear = async {
                while let Some(piece) = coming.recv().await {
                    self.seen.fetch_add(1, Ordering::Relaxed);
                    if let Piece::Text(text) | Piece::Refusal(text) = piece {
                        said.push_str(&text);
                        self.ctx.delta(text);
                    }
                }
            };
            let (answer, ()) = futures::join!(answer, hear);
            answer.map_err(|failure| told(failure, said))
        }
        .boxed()
    }
}

/// A failure after text that the caller has seen: no other target can take over.
fn told(mut failure: Failure, said: String) -> Failure {
    if said.is_empty() {
        failure.partial = None;
    } else if failure.partial.is_none() {
        failure.partial = Some(Box::new(Partial {
            text: said,
            usage: Usage::default(),
        }));
    }
    failure
}

/// Texts to be turned into vectors.
pub struct Embed(pub EmbedRequest);

impl Lane for Embed {
    type Got = EmbedAnswer;

    fn send<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<EmbedAnswer, Failure>> {
        async move {
            let mut request = self.0.clone();
            request.model = target.key.model.to_string();
            target.upstream.embed(&request).await
        }
        .boxed()
    }
}
