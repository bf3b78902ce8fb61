//! The hub to relay to: the one that runs on the data directory, or one that this process opens.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use reqwest::Url;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::link::{Link, NoLink};
use crate::{
    app::{App, running::InUse},
    cli::hub::{running, token},
    config::Source,
};

/// How long a hub is looked for in all. Another process may be about to open one, or the old one about to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for.
const EVERY: Duration = Duration::from_millis(100);

pub struct Hubs {
    source: Source,
    data: PathBuf,
    /// The stream's path and query.
    stream: String,
    own: Option<Embedded>,
}

/// A hub in this process.
struct Embedded {
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Hubs {
    /// Hubs on `data`, which are configured by `source`.
    pub fn new(data: PathBuf, source: Source, stream: String) -> Self {
        Self {
            data,
            source: source.embedded(),
            stream,
            own: None,
        }
    }

    /// A stream of the running hub, if one runs.
    pub async fn find(&self) -> Result<Option<Link>, NoLink> {
        match running(&self.data).await {
            Some(base) => self.connect(&base).await.map(Some),
            None => Ok(None),
        }
    }

    /// A stream of the running hub, or of one opened here when none has been found for `grace`.
    pub async fn find_or_open(&mut self, grace: Duration) -> anyhow::Result<Link, NoLink> {
        let started = Instant::now();
        loop {
            let problem = match self.find().await {
                Ok(Some(link)) => return Ok(link),
                Ok(None) if started.elapsed() < grace => None,
                Ok(None) => match self.open().await {
                    Ok(base) => return self.connect(&base).await,
                    Err(error) if error.is::<InUse>() => Some(error),
                    Err(error) => return Err(NoLink::Never(error)),
                },
                Err(NoLink::NotNow(error)) => Some(error),
                Err(never) => return Err(never),
            };
            if let Some(error) = problem.filter(|_| started.elapsed() > PATIENCE) {
                return Err(NoLink::NotNow(error));
            }
            sleep(EVERY).await;
        }
    }

    async fn connect(&self, base: &str) -> Result<Link, NoLink> {
        let never = NoLink::Never;
        let url = Url::parse(&format!("{base}{}", self.stream)).map_err(|e| never(e.into()))?;
        Link::open(url, &token(&self.data).map_err(never)?).await
    }

    /// Opens a hub in this process; its URL.
    async fn open(&mut self) -> anyhow::Result<String> {
        self.close().await;
        let mut source = self.source.clone();
        let app = App::open(source.load()?).await?;
        let changes = source.watch()?;
        let stop = CancellationToken::new();
        let (ready, bound) = oneshot::channel();
        let serving = tokio::spawn(app.serve(stop.clone(), changes, |_, bound| {
            let _nobody_waits = ready.send(bound.main);
        }));
        self.own = Some(Embedded { stop, serving });
        let main = bound
            .await
            .context("the hub in this process did not start")?;
        tracing::info!(%main, "no hub is running: one was opened here");
        Ok(format!("http://{main}"))
    }

    /// Ends the hub of this process, if there is one.
    pub async fn close(&mut self) {
        if let Some(own) = self.own.take() {
            own.stop.cancel();
            match own.serving.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the hub of this process failed"),
                Err(error) => tracing::error!(%error, "the hub of this process broke down"),
            }
        }
    }
}
