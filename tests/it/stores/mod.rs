//! Every store method, on both databases; PostgreSQL where the environment names a server.

mod audit_chain;
mod cicd;
mod file_system;
mod git;
mod hub;
mod idempotency;
mod issues;
mod knowledge_base;
mod knowledge_base_caches;
mod knowledge_jobs;
mod llm_gateway;
mod llm_ledger;
mod llm_records;
mod mcp_session;
mod oauth;
mod rates;
mod webhooks;

use syndarix::db::{DatabaseConfig, Db};

use crate::support::database;

async fn sqlite() -> (Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (
        Db::open(&DatabaseConfig::default(), dir.path())
            .await
            .unwrap(),
        dir,
    )
}

/// A database of its own on the server that the environment names.
async fn postgres(name: &str) -> Option<Db> {
    let config = DatabaseConfig {
        url: database(name).await?,
        max_connections: 8,
    };
    Some(Db::open(&config, std::path::Path::new(".")).await.unwrap())
}

macro_rules! on_both {
    ($($name:ident),*) => {
        $(
            mod $name {
                #[tokio::test]
                async fn on_sqlite() {
                    let (db, _dir) = super::super::sqlite().await;
                    super::super::$name::suite(db).await;
                }

                #[tokio::test]
                async fn on_postgres() {
                    if let Some(db) = super::super::postgres(concat!("syndarix_", stringify!($name))).await {
                        super::super::$name::suite(db).await;
                    }
                }
            }
        )*
    };
}

mod suites {
    on_both!(
        hub,
        audit_chain,
        idempotency,
        issues,
        knowledge_base,
        knowledge_jobs,
        cicd,
        file_system,
        git,
        llm_gateway,
        llm_ledger,
        llm_records,
        mcp_session,
        oauth,
        webhooks,
        rates
    );
}
