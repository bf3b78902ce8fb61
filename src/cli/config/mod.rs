//! `config`: look at the configuration.

use clap::Subcommand;

use super::out;
use crate::config::{self, Settings, Source};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration, and say what is wrong with it and where.
    Check,
    /// Print every setting as it holds, with where it was said: the default, a line of the file, or a variable.
    Show {
        /// Only those whose names begin so, e.g. http or servers.git.
        section: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of config.toml, for editors.
    Schema,
}

pub fn run(settings: &Settings, source: &Source, command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check => match source.path() {
            Some(path) => out::line(&format!("The configuration is valid ({}).", path.display())),
            None => out::line(
                "The configuration is valid (there is no file: all is at its default, or from the environment).",
            ),
        },
        ConfigCommand::Show { section, json } => {
            let mut shown = source.show(settings)?;
            if let Some(section) = section {
                let below = format!("{section}.");
                shown.retain(|s| s.key == section || s.key.starts_with(&below));
            }
            if json {
                return out::line(&serde_json::to_string_pretty(&shown)?);
            }
            let rows: Vec<Vec<String>> = shown
                .into_iter()
                .map(|s| vec![s.key, s.value.to_string(), s.source])
                .collect();
            out::table(&["SETTING", "VALUE", "SOURCE"], &rows)
        }
        ConfigCommand::Schema => out::line(&serde_json::to_string_pretty(&config::schema())?),
    }
}
