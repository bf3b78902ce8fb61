//! Carries what a running call says to its client: progress where the client gave a token, log messages where it wants them.

use std::{pin::pin, sync::Arc, time::Duration};

use crate::tool::{Event, Events, Level};
use rmcp::{
    RoleServer,
    model::{
        LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken,
    },
    service::Peer,
};

/// How long a client may take for the last notifications of a call.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a client wants to hear of a call.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Under which token it follows the progress.
    pub progress: Option<ProgressToken>,
    /// Log messages from this level on.
    pub log: Option<Level>,
    /// The tool, as the logger's name.
    pub logger: &'static str,
}

/// What an MCP logging level (RFC 5424) means for our messages.
pub fn level(level: LoggingLevel) -> Level {
    match level {
        LoggingLevel::Debug => Level::Debug,
        LoggingLevel::Info | LoggingLevel::Notice => Level::Info,
        LoggingLevel::Warning => Level::Warning,
        _ => Level::Error,
    }
}

/// Runs a call and carries its events meanwhile. It is the same task that does both: most calls have none.
pub async fn during<F: Future>(
    peer: Peer<RoleServer>,
    wanted: Wanted,
    call: impl FnOnce(Option<Arc<Events>>) -> F,
) -> F::Output {
    if wanted.progress.is_none() && wanted.log.is_none() {
        return call(None).await;
    }
    let events = Arc::new(Events::default());
    let mut call = pin!(call(Some(Arc::clone(&events))));
    let mut carry = pin!(carry(peer, wanted, Arc::clone(&events)));
    let done = tokio::select! {
        done = &mut call => done,
        // Nobody listens any more.
        () = &mut carry => return call.await,
    };
    // What is left: a notification after the answer would be lost.
    events.close();
    if tokio::time::timeout(PATIENCE, carry).await.is_err() {
        tracing::debug!("a client did not take its notifications in time");
    }
    done
}

async fn carry(peer: Peer<RoleServer>, wanted: Wanted, queue: Arc<Events>) {
    // Progress must grow with each notification, also where the tool counts otherwise or streams text.
    let mut shown = 0.0_f64;
    while let Some(event) = queue.next().await {
        let sent = match (event, &wanted) {
            (
                Event::Progress {
                    done,
                    total,
                    message,
                },
                Wanted {
                    progress: Some(token),
                    ..
                },
            ) => {
                shown = if done > shown { done } else { shown + 0.001 };
                let param =
                    ProgressNotificationParam::new(token.clone(), shown).with_message(message);
                let param = match total {
                    Some(total) => param.with_total(total),
                    None => param,
                };
                peer.notify_progress(param).await
            }
            (
                Event::Delta(text),
                Wanted {
                    progress: Some(token),
                    ..
                },
            ) => {
                shown += 1.0;
                let param = ProgressNotificationParam::new(token.clone(), shown).with_message(text);
                peer.notify_progress(param).await
            }
            (
                Event::Log { level, message },
                Wanted {
                    log: Some(from), ..
                },
            ) if level >= *from => log(&peer, level, message, wanted.logger).await,
            _ => Ok(()),
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn log(
    peer: &Peer<RoleServer>,
    level: Level,
    message: String,
    logger: &str,
) -> Result<(), rmcp::ServiceError> {
    let level = match level {
        Level::Debug => LoggingLevel::Debug,
        Level::Info => LoggingLevel::Info,
        Level::Warning => LoggingLevel::Warning,
        Level::Error => LoggingLevel::Error,
    };
    let param = LoggingMessageNotificationParam::new(level, message.into()).with_logger(logger);
    peer.notify_logging_message(param).await
}
