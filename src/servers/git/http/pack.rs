//! The way of the bytes between a client and the program.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use futures::stream::{self, BoxStream, StreamExt as _};
use http::header;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::failed;
use crate::{
    servers::git::cli::{Command, Running},
    tool::{ToolError, WireRequest},
};

/// Most that is advertised, in bytes: a ref takes about a hundred.
const MAX_ADVERTISED: u64 = 64 << 20;
/// Bytes of an answer that are passed on at once.
const PIECE: usize = 64 << 10;

/// The whole answer of a command that is told nothing.
pub async fn answer(command: Command) -> Result<Vec<u8>, ToolError> {
    let mut running = command.start().map_err(failed)?;
    running.stdin = None;
    let mut text = Vec::new();
    if let Some(stdout) = running.stdout.take() {
        stdout.take(MAX_ADVERTISED).read_to_end(&mut text).await?;
    }
    running.end().await.map_err(failed)?;
    Ok(text)
}

/// The body of a request, unpacked if it was packed.
pub fn plain(request: &WireRequest, most: usize) -> Result<Bytes, ToolError> {
    let encoding = request.headers.get(header::CONTENT_ENCODING);
    match encoding.map(http::HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(request.body.clone()),
        Some(b"gzip" | b"x-gzip") => {
            let mut text = Vec::new();
            let mut unpacked = GzDecoder::new(&*request.body).take(most as u64 + 1);
            let read = unpacked.read_to_end(&mut text);
            read.map_err(|_| ToolError::invalid("", "the request body is not gzip"))?;
            if text.len() > most {
                return Err(ToolError::too_large(format!(
                    "the request has more than {most} bytes unpacked"
                )));
            }
            Ok(Bytes::from(text))
        }
        Some(_) => Err(ToolError::invalid(
            "/content-encoding",
            "must be gzip or left out",
        )),
    }
}

/// Tells the program `input`; its answer, as it comes. Letting go of it ends the program.
pub fn follow(
    command: Command,
    input: Bytes,
) -> Result<BoxStream<'static, Result<Bytes, ToolError>>, ToolError> {
    let mut running = command.start().map_err(failed)?;
    let stdin = running.stdin.take();
    // Beside the answer: the program may begin it before it has read all.
    let telling = tokio::spawn(async move {
        if let Some(mut stdin) = stdin {
            // One that has enough closes its input; its answer says why.
            let _ = stdin.write_all(&input).await;
        }
    });
    let state = Some((running, telling));
    Ok(stream::unfold(state, |state| async move {
        let (mut running, telling) = state?;
        match piece(&mut running).await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((running, telling)))),
            Ok(None) => {
                telling.abort();
                let ended = running.end().await;
                ended.err().map(|error| (Err(failed(error)), None))
            }
            Err(error) => Some((Err(error.into()), None)),
        }
    })
    .boxed())
}

async fn piece(running: &mut Running) -> std::io::Result<Option<Bytes>> {
    let Some(stdout) = &mut running.stdout else {
        return Ok(None);
    };
    let mut buffer = vec![0; PIECE];
    let read = stdout.read(&mut buffer).await?;
    buffer.truncate(read);
    Ok((read > 0).then(|| Bytes::from(buffer)))
}
