//! Serving: until told to stop, following changes of the configuration.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::{App, Bound, ports::Ports, running::Announced};
use crate::{access::ServerId, config::Changes, servers::llm_gateway::first_run};

impl App {
    /// Serves until `stop` is cancelled, then drains. `ready` is told where, once every port is bound.
    pub async fn serve(
        mut self,
        stop: CancellationToken,
        mut changes: Changes,
        ready: impl FnOnce(&Self, &Bound),
    ) -> anyhow::Result<()> {
        let mut ports = Ports::open(&self.hub, &self.settings, &stop).await?;
        let bound = ports.bound();
        let announced = Announced::write(self.data(), bound.main)
            .context("cannot write the address file into the data directory")?;
        ready(&self, &bound);
        if self.engines.is_open(ServerId::LlmGateway) {
            first_run::suggest(&self.settings.servers.llm_gateway, &self.host.tasks);
        }
        loop {
            let read = tokio::select! {
                () = stop.cancelled() => break,
                read = changes.next() => read,
            };
            let followed = match read {
                Ok(settings) => self.follow(&mut ports, &settings).await,
                Err(error) => Err(error),
            };
            if let Err(error) = followed {
                tracing::error!("the new configuration was not taken, nothing changed: {error:#}");
            }
        }
        drop(announced);
        tracing::info!("stopping");
        self.hub.outbox.close();
        ports.drain(&self.hub.registry).await;
        self.close().await;
        Ok(())
    }
}
