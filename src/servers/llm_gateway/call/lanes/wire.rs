//! Calls that came in a dialect. To a provider of the same they go as they are; to another they cross.

use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::HeaderMap;

use super::crossing::{self, SharedEncoder};
use crate::servers::llm_gateway::{
    call::attempts::Lane,
    engine::{
        chat::ChatRequest,
        dialect::{BadRequest, Dialect, Meta, openai::embeddings},
        failure::{Failure, Kind},
        prices::Mode,
        relay::{head::Head, splice},
        upstream::{Flow, Operation, Relay, Relayed, Tally},
    },
    routing::plan::Target,
};

/// A call as it came.
pub struct Wire {
    pub operation: Operation,
    pub dialect: Dialect,
    pub body: Bytes,
    pub head: Head,
    /// What the provider may see of the caller's headers.
    pub headers: HeaderMap,
    pub meta: Meta,
    /// The call in no dialect, once it had to be read.
    read: OnceLock<Result<ChatRequest, BadRequest>>,
}

/// An answer, or its beginning.
pub enum Begun {
    Whole(Whole),
    Stream {
        headers: HeaderMap,
        /// From the first content on the answer is this provider's.
        flow: BoxStream<'static, Result<Flow, Failure>>,
        encoder: SharedEncoder,
    },
}

/// A whole answer.
pub struct Whole {
    pub headers: HeaderMap,
    pub body: Bytes,
    pub tally: Tally,
}

impl Wire {
    pub fn new(
        operation: Operation,
        dialect: Dialect,
        body: Bytes,
        head: Head,
        headers: HeaderMap,
        meta: Meta,
    ) -> Self {
        Self {
            operation,
            dialect,
            body,
            head,
            headers,
            meta,
            read: OnceLock::new(),
        }
    }

    async fn ask(&self, target: &Target) -> Result<Begun, Failure> {
        if target.upstream.relays(self.operation) {
            match self.relay(target).await {
                Err(failure) if failure.kind == Kind::NoSuchOperation => {}
                done => return done,
            }
        }
        if self.operation == Operation::Embeddings {
            return self.embed(target).await;
        }
        let mut request = self.read()?.clone();
        request.model = target.key.model.to_string();
        request.stream = self.head.stream;
        if request.stream {
            let encoder = self.encoder();
            let upstream = Arc::clone(&target.upstream);
            let flow = crossing::cross(upstream, request, Arc::clone(&encoder));
            return Ok(Begun::Stream {
                headers: HeaderMap::new(),
                flow: primed(flow).await?,
                encoder,
            });
        }
        let answer = target.upstream.chat(&request, None).await?;
        let body = self.dialect.write_answer(&self.meta, &answer);
        Ok(Begun::Whole(Whole {
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
            tally: Tally {
                usage: answer.usage,
                finish: Some(answer.finish),
                mode: None,
            },
        }))
    }

    async fn relay(&self, target: &Target) -> Result<Begun, Failure> {
        let counts = self.head.stream && self.operation == Operation::ChatCompletions;
        let request = Relay {
            operation: self.operation,
            body: splice::rewrite(&self.body, &target.key.model, counts).map_err(bad)?,
            headers: self.headers.clone(),
            stream: self.head.stream,
            include_usage: self.head.include_usage,
        };
        match target.upstream.relay(request).await? {
            Relayed::Whole {
                body,
                headers,
                tally,
            } => Ok(Begun::Whole(Whole {
                headers,
                body,
                tally,
            })),
            Relayed::Stream { headers, flow } => Ok(Begun::Stream {
                headers,
                flow: primed(flow).await?,
                encoder: self.encoder(),
            }),
        }
    }

    async fn embed(&self, target: &Target) -> Result<Begun, Failure> {
        let body = serde_json::from_slice(&self.body).map_err(|error| {
            Failure::new(Kind::BadRequest, format!("the body is no JSON: {error}"))
        })?;
        let (mut request, base64) = embeddings::read_embed(&body).map_err(bad)?;
        request.model = target.key.model.to_string();
        let answer = target.upstream.embed(&request).await?;
        let body = embeddings::write_embed(&self.meta, &answer, base64);
        Ok(Begun::Whole(Whole {
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
            tally: Tally {
                usage: answer.usage,
                ..Tally::default()
            },
        }))
    }

    /// The call in no dialect.
    fn read(&self) -> Result<&ChatRequest, Failure> {
        let read = self.read.get_or_init(|| {
            let body = serde_json::from_slice(&self.body)
                .map_err(|error| BadRequest::new("", format!("the body is no JSON: {error}")))?;
            self.dialect.read_request(&body)
        });
        read.as_ref().map_err(|error| bad(error.clone()))
    }

    fn encoder(&self) -> SharedEncoder {
        Arc::new(Mutex::new(self.dialect.encoder(self.meta.clone())))
    }
}

impl Lane for Wire {
    type Got = Begun;

    fn send<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Begun, Failure>> {
        self.ask(target).boxed()
    }

    fn mode(&self, target: &Target) -> Mode {
        // A provider of another dialect is not told.
        let told = target.upstream.relays(self.operation);
        self.head.mode.filter(|_| told).unwrap_or(Mode::Standard)
    }
}

fn bad(error: BadRequest) -> Failure {
    Failure {
        param: (!error.param.is_empty()).then(|| error.param.clone()),
        ..Failure::new(Kind::BadRequest, error.to_string())
    }
}

/// The stream from its beginning, once the first content has come: until then, another provider can take over.
async fn primed(
    mut flow: BoxStream<'static, Result<Flow, Failure>>,
) -> Result<BoxStream<'static, Result<Flow, Failure>>, Failure> {
    let mut before = Vec::new();
    loop {
        match flow.next().await {
            Some(Ok(next)) => {
                let begun = matches!(next, Flow::End(_) | Flow::Bytes { content: true, .. });
                before.push(Ok(next));
                if begun {
                    return Ok(stream::iter(before).chain(flow).boxed());
                }
            }
            Some(Err(failure)) => {
                return Err(Failure {
                    partial: None,
                    ..failure
                });
            }
            None => {
                return Err(Failure::new(
                    Kind::Truncated,
                    "its answer broke off before it began",
                ));
            }
        }
    }
}
