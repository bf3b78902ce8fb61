//! What a hub keeps: the data directory, its lock, the database, and what a new hub starts with.

use std::{
    fs::File,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;

use super::ADMIN_TOKEN;
use crate::{
    access::{Authority, IdempotencyKeys, NewToken, jwt::Issuers, key, token::Token},
    audit::{self, ChainKey},
    backup,
    base::{
        clock::{Clock, Millis},
        ids::{AgentId, ProjectId},
        seal::Seal,
    },
    config::Settings,
    db::{Db, DbError},
    project::{DEFAULT, Projects, Scope},
    servers,
};

/// Bytes that must fit on the disk.
const PROBE: usize = 65_536;

/// What a hub keeps, open, without its servers: enough to administer it.
pub struct Store {
    /// The data directory.
    pub data: PathBuf,
    /// The database.
    pub db: Db,
    /// Projects, agents and members.
    pub projects: Projects,
    /// Tokens.
    pub authority: Arc<Authority>,
    /// Requests with an idempotency key.
    pub idempotency: Arc<IdempotencyKeys>,
    /// What the audit log is linked with.
    pub audit_key: ChainKey,
    /// What secrets of webhooks are sealed with.
    pub(super) webhook_seal: Seal,
    pub(super) clock: Clock,
}

impl Store {
    /// Opens the data directory and the database of `settings`, making what is missing.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let data = prepare(&settings.storage.data)?;
        let clock = Clock::System;
        let db = Db::open(&settings.database, &data)
            .await
            .context("cannot open the database")?;
        let key_file = settings
            .auth
            .key_file
            .clone()
            .unwrap_or_else(|| data.join("token.key"));
        let key = key::load_or_create(&key_file)
            .with_context(|| format!("cannot use the key file {}", key_file.display()))?;
        let audit_key = ChainKey::of(&key);
        let webhook_seal = Seal::derived(&key, "syndarix webhook secrets 1")?;
        let idempotency = IdempotencyKeys::new(db.clone(), clock.clone(), &key)?;
        let authority = Authority::new(
            db.clone(),
            clock.clone(),
            key,
            settings.limits.clone(),
            servers::all_tool_names(),
        );
        let authority = Arc::new(authority.with_issuers(Issuers::new(&settings.auth.issuers)));
        let projects = Projects::new(db.clone(), clock.clone());
        Ok(Self {
            data,
            db,
            projects,
            authority,
            idempotency: Arc::new(idempotency),
            audit_key,
            webhook_seal,
            clock,
        })
    }

    /// The time now.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The newest entries of the audit log that `query` finds.
    pub async fn audit(
        &self,
        query: &audit::Query,
        limit: u32,
    ) -> Result<Vec<audit::Record>, DbError> {
        audit::find(&self.db, query, None, limit).await
    }

    /// A project with an agent, where there is none yet.
    pub(super) async fn first_project(&self) -> anyhow::Result<()> {
        if !self.projects.list_projects(None, 1).await?.is_empty() {
            return Ok(());
        }
        let scope = Scope {
            project: ProjectId::new(DEFAULT)?,
            agent: AgentId::new(DEFAULT)?,
        };
        self.projects
            .create_project(&scope.project, "Default project")
            .await?;
        self.projects
            .create_agent(&scope.agent, "Default agent")
            .await?;
        self.projects.add_member(&scope).await?;
        Ok(())
    }

    /// A token that may do everything, where there is none yet. Returned when it is new.
    pub(super) async fn first_token(&self) -> anyhow::Result<Option<Token>> {
        let file = self.data.join(ADMIN_TOKEN);
        if let Ok(text) = std::fs::read_to_string(&file)
            && self.authority.authenticate(text.trim()).await.is_ok()
        {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut after: Option<String> = None;
        loop {
            let page = self.authority.list(after.as_deref(), 200).await?;
            let lives = page.iter().any(|t| {
                t.revoked_ms.is_none()
                    && t.expires_ms.is_none_or(|at| at > now)
                    && t.scopes.iter().any(|s| s == "hub:admin")
            });
            if lives {
                return Ok(None);
            }
            match page.last() {
                Some(last) if page.len() == 200 => after = Some(last.id.clone()),
                _ => break,
            }
        }
        let everything = NewToken {
            name: "admin".into(),
            projects: vec!["*".into()],
            agents: vec!["*".into()],
            scopes: vec!["mcp:admin".into(), "hub:admin".into()],
            ..NewToken::default()
        };
        let (token, _) = self
            .authority
            .create(everything)
            .await
            .map_err(|e| anyhow::anyhow!("{e}"))?;
        key::write_private(&file, format!("{}\n", token.reveal()).as_bytes())
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Some(token))
    }
}

/// Makes the data directory ready for use.
pub(super) fn prepare(data: &Path) -> anyhow::Result<PathBuf> {
    let path = make_private(data)?;
    anyhow::ensure!(
        !path.join(backup::UNFINISHED).exists(),
        "a restore into the data directory {} was cut off: run syndarix restore --force again, with the same backup",
        data.display()
    );
    let probe = path.join(format!(".probe-{}", std::process::id()));
    File::create(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|error| unusable(data, &error))?;
    Ok(path)
}

/// Says so where the disk of the data directory is full: the hub starts all the same, for those who read.
pub(super) fn tell_if_full(data: &Path) {
    let probe = data.join(format!(".probe-{}", std::process::id()));
    let written = std::fs::write(&probe, vec![0; PROBE]);
    let _not_made = std::fs::remove_file(&probe);
    if let Err(error) = written
        && error.kind() == std::io::ErrorKind::StorageFull
    {
        tracing::error!(
            data = %data.display(),
            "the disk is full: reading calls are answered, writing ones with storage_full until there is space again"
        );
    }
}

/// Makes the data directory, private to its owner.
pub(super) fn make_private(data: &Path) -> anyhow::Result<PathBuf> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .and_then(|()| data.canonicalize())
        .map_err(|error| unusable(data, &error))
}

fn unusable(data: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "cannot use the data directory {}: {error}: make it writable, or set storage.data in config.toml",
        data.display()
    )
}
