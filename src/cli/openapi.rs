//! `openapi`: the document that the hub serves at `/openapi.json`, whether it runs or not.

use super::{hub::Reach, out};
use crate::config::Settings;

pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let hub = Reach::open(settings).await?;
    let document = hub.openapi().await;
    hub.close().await;
    out::line(&serde_json::to_string_pretty(&document?)?)
}
