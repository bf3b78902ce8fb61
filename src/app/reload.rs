//! Following a new configuration while the hub runs: all of it that can change, or nothing.

use super::{App, ports::Ports};
use crate::{
    access::ServerId,
    config::{Live, Settings},
    edge::Hub,
    observe,
};

impl App {
    /// Runs with `new` from now on, as far as that is possible without a restart. When it fails nothing has changed, but
    /// for servers that were opened and have no face.
    pub(super) async fn follow(&mut self, ports: &mut Ports, new: &Settings) -> anyhow::Result<()> {
        let Live { settings, waiting } = self.settings.live(new, |s| self.engines.is_open(s));
        // What may fail comes first.
        let filter = observe::log_filter(&settings.observe)?;
        if settings.servers != self.settings.servers {
            let follow = self
                .engines
                .prepare(&self.settings.servers, &settings.servers)?;
            for server in settings.servers.enabled() {
                let own = &settings.servers;
                if self.engines.open(server, own, &self.host).await? {
                    // Whatever fails after this, it runs with these.
                    self.settings.servers.take_own(server, own);
                }
            }
            let builder = self.engines.builder(&settings.servers);
            let registry = builder.succeed(&self.hub.registry)?;
            let fresh = ports.bind_new(&settings, &registry).await?;
            let before = ports.bound();
            self.hub = Hub {
                registry,
                ..self.hub.clone()
            };
            ports.replace(&self.hub, fresh);
            follow();
            self.log_servers(&settings);
            for (server, address) in ports.bound().servers {
                if !before.servers.contains_key(&server) {
                    tracing::info!(%server, %address, "listening");
                }
            }
        }
        if settings.observe != self.settings.observe {
            observe::change_log(filter);
            tracing::info!(log = settings.observe.log, "the log filter was changed");
        }
        if settings.limits != self.settings.limits {
            self.hub.authority.set_limits(&settings.limits);
            tracing::info!("the limits were changed");
        }
        if !waiting.is_empty() {
            let changed = waiting.join(", ");
            tracing::warn!(
                changed,
                "these settings were changed, but need a restart of the hub"
            );
        } else if settings == self.settings {
            tracing::info!("the configuration changes nothing");
        }
        self.settings = settings;
        Ok(())
    }

    fn log_servers(&self, new: &Settings) {
        for server in ServerId::ALL {
            let (old, new) = (
                self.settings.servers.common(server),
                new.servers.common(server),
            );
            match (old.enabled, new.enabled) {
                (false, true) => tracing::info!(%server, "the server was enabled"),
                (true, false) => tracing::info!(%server, "the server was disabled"),
                _ => {}
            }
            if new.enabled && old.disabled_tools != new.disabled_tools {
                let tools = new.disabled_tools.join(", ");
                tracing::info!(%server, tools, "the server's disabled tools were changed");
            }
        }
    }
}
