//! An answer on its way to its caller, piece by piece. However it ends, the request is settled: when it is whole, when it breaks
//! off, and when its caller goes away.

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use tokio::time::{Instant, timeout_at};

use super::{
    lanes::crossing::{SharedEncoder, write},
    refusal,
    request::Request,
    shared::{Keep, Stored},
};
use crate::{
    servers::llm_gateway::engine::{
        failure::{Failure, Kind},
        upstream::{Flow, Tally},
    },
    tool::ToolError,
};

struct Live {
    flow: BoxStream<'static, Result<Flow, Failure>>,
    encoder: SharedEncoder,
    request: Request,
    until: Instant,
    keep: Keep,
    /// What has been sent, where others wait for it or it is kept.
    chunks: Option<Vec<Bytes>>,
}

enum State {
    Live(Box<Live>),
    /// What the caller is told has been sent; this is for the record.
    Broken(ToolError),
    Over,
}

/// The answer as it goes to the caller, until `until` at the latest.
pub fn stream(
    flow: BoxStream<'static, Result<Flow, Failure>>,
    encoder: SharedEncoder,
    request: Request,
    keep: Keep,
    until: Instant,
) -> BoxStream<'static, Result<Bytes, ToolError>> {
    let live = Live {
        chunks: (keep.is_wanted() || request.keeps_bodies()).then(Vec::new),
        flow,
        encoder,
        request,
        until,
        keep,
    };
    stream::unfold(State::Live(Box::new(live)), next).boxed()
}

async fn next(state: State) -> Option<(Result<Bytes, ToolError>, State)> {
    match state {
        State::Live(mut live) => match live.next().await {
            Some(Ok(Flow::Bytes { bytes, content })) => {
                if content {
                    live.request.seen();
                }
                if let Some(chunks) = &mut live.chunks {
                    chunks.push(bytes.clone());
                }
                Some((Ok(bytes), State::Live(live)))
            }
            Some(Ok(Flow::End(tally))) => {
                live.whole(&tally);
                None
            }
            Some(Err(failure)) => Some(live.broke_off(&failure)),
            None => {
                let gone = Failure::new(Kind::Truncated, "the answer broke off before its end");
                Some(live.broke_off(&gone))
            }
        },
        State::Broken(error) => Some((Err(error), State::Over)),
        State::Over => None,
    }
}

impl Live {
    async fn next(&mut self) -> Option<Result<Flow, Failure>> {
        let next = timeout_at(self.until, self.flow.next()).await;
        next.unwrap_or_else(|_| {
            Some(Err(Failure::new(
                Kind::TimedOut,
                "its answer took too long",
            )))
        })
    }

    fn whole(mut self, tally: &Tally) {
        let said = self.chunks.as_ref().filter(|_| self.request.keeps_bodies());
        let said = said.map(|chunks| chunks.concat());
        let done = self.request.finish(tally, said.as_deref());
        if self.keep.is_wanted() {
            let chunks = self.chunks.unwrap_or_default();
            self.keep.land(Stored::new(chunks, true, &done));
        }
    }

    fn broke_off(mut self, failure: &Failure) -> (Result<Bytes, ToolError>, State) {
        let error = self.request.broke_off(failure);
        self.keep.fail(&error);
        let trouble = refusal::trouble(&error);
        let bytes = write(&self.encoder, |encoder, out| encoder.fail(&trouble, out));
        (Ok(bytes), State::Broken(error))
    }
}
