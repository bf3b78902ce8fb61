//! `doctor`: what may keep the hub from running well.

use clap::Args;

use super::{exit::Exit, out};
use crate::{
    app::doctor::{self, Finding, Level},
    config::Settings,
};

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Mend what can be mended without losing anything: permissions, a damaged search index.
    #[arg(long)]
    fix: bool,
}

pub async fn run(settings: &Settings, args: &DoctorArgs) -> anyhow::Result<()> {
    let found = doctor::examine(settings, args.fix).await;
    show(&found, args)?;
    let errors = count(&found, Level::Error);
    if errors == 0 {
        return Ok(());
    }
    let mendable = found.iter().filter(|f| f.fixable && !f.fixed).count();
    let fix = match mendable {
        0 => String::new(),
        n => format!("; syndarix doctor --fix mends {n}"),
    };
    Err(Exit::Fault.say(format!("{errors} to be mended{fix}")))
}

/// What there is to say when the configuration cannot be used, which all else depends on.
pub fn misconfigured(error: &anyhow::Error, args: &DoctorArgs) -> anyhow::Result<()> {
    let next = "correct it; syndarix config check tells whether it is right";
    let found = [Finding::error("configuration", format!("{error:#}"), next)];
    show(&found, args)
}

fn show(found: &[Finding], args: &DoctorArgs) -> anyhow::Result<()> {
    if args.json {
        return out::line(&serde_json::to_string_pretty(found)?);
    }
    for finding in found {
        let level = match finding.level {
            _ if finding.fixed => "mended",
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        out::line(&format!("{level:8} {:15} {}", finding.check, finding.found))?;
        if let Some(next) = finding.next.as_ref().filter(|_| !finding.fixed) {
            let fix = if finding.fixable { "  [--fix]" } else { "" };
            out::line(&format!("{:8} {:15} -> {next}{fix}", "", ""))?;
        }
    }
    let (errors, warnings) = (count(found, Level::Error), count(found, Level::Warning));
    out::line(&format!("Errors: {errors}, warnings: {warnings}."))
}

fn count(found: &[Finding], level: Level) -> usize {
    found.iter().filter(|finding| finding.is(level)).count()
}
