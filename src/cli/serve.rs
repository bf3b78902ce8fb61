//! `serve`: run the hub until it is told to stop.

use std::io::{IsTerminal, stderr};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{banner, out};
use crate::{
    app::App,
    config::{Settings, Source},
    observe,
};

pub async fn run(settings: Settings, source: Source) -> anyhow::Result<()> {
    observe::start_logging(&settings.observe)?;
    let stop = stop_signal()?;
    // From here on SIGHUP does not end the program.
    let changes = source.watch()?;
    let app = App::open(settings).await?;
    Box::pin(app.serve(stop, changes, |app, bound| {
        if let Err(error) = out::line(&banner::text(app, bound)) {
            tracing::debug!(%error, "nobody reads the banner");
        }
    }))
    .await
}

/// Cancelled by SIGTERM, Ctrl-C and the end of the terminal.
pub fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (told, on_terminal) = (stop.clone(), stderr().is_terminal());
    tokio::spawn(async move {
        // SIGHUP has the configuration read again; but a terminal that is closed sends it too, and nobody is left there.
        let left_alone = async {
            while hangup.recv().await.is_some() {
                if on_terminal && !stderr().is_terminal() {
                    return;
                }
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = left_alone => {}
        }
        told.cancel();
    });
    Ok(stop)
}
