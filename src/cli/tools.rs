//! `tools list`: every tool of every enabled server.

use super::{hub::Reach, out};
use crate::config::Settings;

pub async fn list(settings: Settings) -> anyhow::Result<()> {
    let hub = Reach::open(settings).await?;
    let rows: Vec<Vec<String>> = hub
        .tools()
        .await?
        .into_iter()
        .map(|(server, name, about, _)| vec![server, name, first_sentence(&about)])
        .collect();
    out::table(&["SERVER", "TOOL", "WHAT IT DOES"], &rows)?;
    hub.close().await;
    Ok(())
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ")
        .map_or(text, |(first, _)| first)
        .trim_end_matches('.')
        .to_owned()
}
