//! The built-in provider: deterministic, free, and able to fail on demand, so that a hub without any key can be tried and
//! failures rehearsed. Everything it says is marked as simulated.

use std::time::Duration;

use futures::{FutureExt, future::BoxFuture};
use sha2::{Digest, Sha256};

use super::{
    directive::Directives,
    failure::{Failure, Kind, Partial},
    provider::{
        ChatAnswer, ChatRequest, Delta, EmbedAnswer, EmbedRequest, Finish, Provider, Role, Usage,
    },
};

/// Its models.
pub const MODELS: [&str; 3] = ["echo", "lorem", "embed"];
/// Dimensions of `mock/embed` unless others are asked for.
const DIMENSIONS: u32 = 64;
const LOREM: &str = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore \
                     et dolore magna aliqua";

/// The provider `mock`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mock;

impl Provider for Mock {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        delta: Delta<'a>,
    ) -> BoxFuture<'a, Result<ChatAnswer, Failure>> {
        chat(request, delta).boxed()
    }

    fn embed<'a>(
        &'a self,
        request: &'a EmbedRequest,
    ) -> BoxFuture<'a, Result<EmbedAnswer, Failure>> {
        embed(request).boxed()
    }
}

async fn chat(request: &ChatRequest, delta: Delta<'_>) -> Result<ChatAnswer, Failure> {
    let last = request
        .messages
        .iter()
        .rev()
        .find(|message| message.role == Role::User);
    let last = last.map_or("", |message| message.content.as_str());
    let orders = orders(&request.model, last).await?;
    let reply = match name(&request.model) {
        "echo" => last.to_owned(),
        "lorem" => lorem(orders.tok.unwrap_or(20)),
        other => return Err(unknown(other)),
    };
    let most = request.max_tokens.map_or(usize::MAX, |most| most as usize);
    let (mut text, mut finish, mut tokens) = (String::new(), Finish::Stop, 0_u64);
    for piece in reply.split_inclusive(' ') {
        if tokens as usize >= most {
            finish = Finish::Length;
            break;
        }
        if orders.die == Some(tokens as usize) {
            let died = Failure::new(Kind::Truncated, "the mock provider died as it was told to");
            return Err(Failure {
                partial: Some(Box::new(Partial {
                    text,
                    usage: usage(request, tokens, &orders),
                })),
                ..died
            });
        }
        if tokens > 0 {
            pause(orders.itl).await;
        }
        text.push_str(piece);
        tokens += 1;
        if request.stream {
            delta(piece);
        }
        if let Some(at) = request
            .stop
            .iter()
            .filter_map(|stop| text.find(stop.as_str()))
            .min()
        {
            text.truncate(at);
            break;
        }
    }
    Ok(ChatAnswer {
        text,
        finish,
        usage: usage(request, tokens, &orders),
    })
}

async fn embed(request: &EmbedRequest) -> Result<EmbedAnswer, Failure> {
    orders(
        &request.model,
        request.inputs.first().map_or("", String::as_str),
    )
    .await?;
    if name(&request.model) != "embed" {
        return Err(unknown(name(&request.model)));
    }
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS);
    let vectors = request
        .inputs
        .iter()
        .map(|input| vector(input, dimensions))
        .collect();
    let input = request.inputs.iter().map(|input| count(input)).sum();
    Ok(EmbedAnswer {
        vectors,
        usage: Usage {
            input: Some(input),
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
            Err(Failure::of_status(
                status,
                message,
                orders.retry.map(Duration::from_secs),
            ))
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

fn lorem(words: usize) -> String {
    LOREM
        .split(' ')
        .cycle()
        .take(words)
        .collect::<Vec<_>>()
        .join(" ")
}

fn usage(request: &ChatRequest, output: u64, orders: &Directives) -> Usage {
    if orders.nousage {
        return Usage::default();
    }
    let input = request
        .messages
        .iter()
        .map(|message| count(&message.content))
        .sum();
    Usage {
        input: Some(input),
        output: Some(output),
        ..Usage::default()
    }
}

/// A token a word.
fn count(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// A unit vector that depends on nothing but the text.
fn vector(text: &str, dimensions: u32) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(dimensions as usize);
    let mut block = 0_u32;
    while values.len() < dimensions as usize {
        let hash = Sha256::new()
            .chain_update(block.to_le_bytes())
            .chain_update(text)
            .finalize();
        values.extend(
            hash.iter()
                .map(|byte| f32::from(*byte) - 127.5)
                .take(dimensions as usize - values.len()),
        );
        block += 1;
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    for value in &mut values {
        *value /= length;
    }
    values
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::{super::provider::Message, *};

    async fn ask(
        model: &str,
        text: &str,
        change: impl Fn(&mut ChatRequest),
    ) -> (Result<ChatAnswer, Failure>, String) {
        let messages = vec![Message {
            role: Role::User,
            content: text.to_owned(),
        }];
        let mut request = ChatRequest {
            model: model.to_owned(),
            messages,
            stream: true,
            ..ChatRequest::default()
        };
        change(&mut request);
        let heard = Mutex::new(String::new());
        let answer = Mock
            .chat(&request, &|piece| heard.lock().unwrap().push_str(piece))
            .await;
        (answer, heard.into_inner().unwrap())
    }

    #[tokio::test]
    async fn echo_says_it_again_piece_by_piece() {
        let (answer, heard) = ask("echo", "one two three", |_| {}).await;
        let answer = answer.unwrap();
        assert_eq!(
            (answer.text.as_str(), heard.as_str(), answer.finish),
            ("one two three", "one two three", Finish::Stop)
        );
        assert_eq!(
            (answer.usage.input, answer.usage.output),
            (Some(3), Some(3))
        );
        let (cut, _) = ask("echo", "one two three", |request| {
            request.max_tokens = Some(2);
        })
        .await;
        assert_eq!(cut.unwrap().finish, Finish::Length);
        let (stopped, _) = ask("echo", "one two three", |request| {
            request.stop = vec!["two".into()];
        })
        .await;
        assert_eq!(stopped.unwrap().text, "one ");
    }

    #[tokio::test]
    async fn it_fails_as_told() {
        let failure = ask("echo:status=429,retry=7", "x", |_| {})
            .await
            .0
            .unwrap_err();
        assert_eq!(
            (failure.kind, failure.retry_after),
            (Kind::RateLimited, Some(Duration::from_secs(7)))
        );
        let failure = ask("lorem:tok=9,die=2", "x", |_| {}).await.0.unwrap_err();
        assert_eq!(
            (
                failure.kind,
                failure
                    .partial
                    .as_ref()
                    .map(|partial| partial.text.as_str())
            ),
            (Kind::Truncated, Some("lorem ipsum "))
        );
        let failure = ask("nope", "x", |_| {}).await.0.unwrap_err();
        assert_eq!(failure.kind, Kind::NoSuchModel);
        assert_eq!(
            ask("echo", "mock:nousage", |_| {}).await.0.unwrap().usage,
            Usage::default()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_its_time_as_told() {
        let start = tokio::time::Instant::now();
        ask("lorem:ttft=100,itl=10,tok=3", "x", |_| {})
            .await
            .0
            .unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(120));
        let hung =
            tokio::time::timeout(Duration::from_secs(3600), ask("echo:hang", "x", |_| {})).await;
        assert!(hung.is_err());
    }

    #[tokio::test]
    async fn vectors_depend_on_the_text_alone() {
        let request = |dimensions| EmbedRequest {
            model: "embed".into(),
            inputs: vec!["a".into(), "b".into(), "a".into()],
            dimensions,
        };
        let answer = Mock.embed(&request(None)).await.unwrap();
        assert_eq!(
            (
                answer.vectors[0].len(),
                answer.vectors[0] == answer.vectors[2]
            ),
            (64, true)
        );
        assert!(answer.vectors[0] != answer.vectors[1]);
        let length: f32 = answer.vectors[0].iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert_eq!(
            Mock.embed(&request(Some(100))).await.unwrap().vectors[0].len(),
            100
        );
    }
}
