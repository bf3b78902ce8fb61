//! The servers, opened.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;

use crate::{
    access::ServerId,
    config::Servers,
    servers::{
        cicd::Cicd, code_analysis::CodeAnalysis, file_system::FileSystem, git::Git, issues::Issues,
        knowledge_base::KnowledgeBase, llm_gateway::LlmGateway,
    },
    tool::{Builder, Host, Mounted, Registry, ToolError},
};

/// Every server that was enabled once. It stays open while it is disabled: two owners of its index writer or its queue
/// would spoil them.
#[derive(Default)]
pub struct Engines {
    open: BTreeMap<ServerId, Mounted>,
    /// Those that follow their own settings while they are open.
    llm_gateway: Option<Arc<LlmGateway>>,
    knowledge_base: Option<Arc<KnowledgeBase>>,
}

impl Engines {
    /// Opens `server` with its own `settings`. False when it is open already.
    pub async fn open(
        &mut self,
        server: ServerId,
        settings: &Servers,
        host: &Host,
    ) -> anyhow::Result<bool> {
        if self.is_open(server) {
            return Ok(false);
        }
        let mounted = self.mount(server, settings, host).await;
        let mounted = mounted.with_context(|| format!("cannot open {server}"))?;
        self.open.insert(server, mounted);
        Ok(true)
    }

    /// Checks what the servers that follow their settings are to follow. What comes back makes it so.
    pub fn prepare(&self, old: &Servers, new: &Servers) -> anyhow::Result<impl FnOnce() + use<>> {
        let changed = old.llm_gateway != new.llm_gateway;
        let models = match self.llm_gateway.clone().filter(|_| changed) {
            Some(gateway) => Some((gateway.prepare(&new.llm_gateway)?, gateway)),
            None => None,
        };
        let changed = old.knowledge_base != new.knowledge_base;
        let knowledge = match self.knowledge_base.clone().filter(|_| changed) {
            Some(base) => Some((base.prepare(&new.knowledge_base)?, base)),
            None => None,
        };
        Ok(move || {
            if let Some((setup, gateway)) = models {
                gateway.follow(setup);
                tracing::info!("the settings of llm_gateway were changed");
            }
            if let Some((provider, base)) = knowledge {
                base.follow(provider);
                tracing::info!("the settings of knowledge_base were changed");
            }
        })
    }

    /// Whether `server` is open, enabled or not.
    pub fn is_open(&self, server: ServerId) -> bool {
        self.open.contains_key(&server)
    }

    /// The tools that `settings` enable.
    pub fn builder(&self, settings: &Servers) -> Builder {
        settings
            .enabled()
            .fold(Registry::builder(), |builder, server| {
                match self.open.get(&server).cloned() {
                    Some(mounted) => builder
                        .with(mounted)
                        .disable(&settings.common(server).disabled_tools),
                    None => builder,
                }
            })
    }

    async fn mount(
        &mut self,
        server: ServerId,
        own: &Servers,
        host: &Host,
    ) -> Result<Mounted, ToolError> {
        Ok(match server {
            ServerId::LlmGateway => {
                let gateway = LlmGateway::open(own.llm_gateway.clone(), host).await?;
                Mounted::shared(self.llm_gateway.insert(Arc::new(gateway)))
            }
            ServerId::Git => Mounted::new(Git::open(own.git.clone(), host).await?),
            ServerId::KnowledgeBase => {
                let base = KnowledgeBase::open(own.knowledge_base.clone(), host).await?;
                Mounted::shared(self.knowledge_base.insert(Arc::new(base)))
            }
            ServerId::Issues => Mounted::new(Issues::open(own.issues.clone(), host).await?),
            ServerId::FileSystem => {
                Mounted::new(FileSystem::open(own.file_system.clone(), host).await?)
            }
            ServerId::CodeAnalysis => {
                Mounted::new(CodeAnalysis::open(own.code_analysis.clone(), host).await?)
            }
            ServerId::Cicd => Mounted::new(Cicd::open(own.cicd.clone(), host).await?),
        })
    }
}
