//! `init`: a commented configuration to start from.

use std::{fs::OpenOptions, io::Write};

use super::out;
use crate::config::TEMPLATE;

pub fn run() -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open("config.toml")
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                anyhow::anyhow!("config.toml is there already: it was left as it is")
            }
            _ => anyhow::anyhow!("cannot write config.toml: {error}"),
        })?;
    file.write_all(TEMPLATE.as_bytes())?;
    file.sync_all()?;
    out::line("Wrote config.toml: every setting, at its default. Start the hub with: syndarix")
}
