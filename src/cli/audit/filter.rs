//! Which calls are meant.

use clap::Args;

use super::super::exit::Exit;
use crate::{audit::Query, base::clock::Millis};

#[derive(Debug, Args)]
pub struct Filter {
    /// Only calls in this project.
    #[arg(long)]
    project: Option<String>,
    /// Only calls for this agent.
    #[arg(long)]
    agent: Option<String>,
    /// Only calls by this token id.
    #[arg(long)]
    token: Option<String>,
    /// Only calls to this server.
    #[arg(long)]
    server: Option<String>,
    /// Only calls of this tool.
    #[arg(long)]
    tool: Option<String>,
    /// Only calls that ended so: ok, error, refused, cancelled, aborted.
    #[arg(long)]
    outcome: Option<String>,
    /// Only calls at or after this time: 2026-11-23T10:00:00Z, or 30m, 12h, 7d ago.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only calls before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Filter {
    pub fn query(self, now: Millis) -> anyhow::Result<Query> {
        let time = |text: Option<String>| text.map(|text| time(&text, now)).transpose();
        Ok(Query {
            since_ms: time(self.since)?,
            until_ms: time(self.until)?,
            project_id: self.project,
            agent_id: self.agent,
            principal_id: self.token,
            server: self.server,
            tool: self.tool,
            outcome: self.outcome,
            parent_id: None,
        })
    }
}

fn time(text: &str, now: Millis) -> anyhow::Result<Millis> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let ago = || {
        let unit = text.chars().last()?;
        let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        count.checked_mul(seconds * 1000)
    };
    let ago = ago().ok_or_else(|| {
        Exit::Usage.say(format!(
            "{text:?} is no time: write it like 2026-11-23T10:00:00Z, or 30m, 12h, 7d"
        ))
    })?;
    Ok(now - ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_or_so_long_ago() {
        assert_eq!(time("1970-01-01T00:00:02Z", 0).unwrap(), 2000);
        assert_eq!(time("90m", 5_400_001).unwrap(), 1);
        assert_eq!(time("2d", 0).unwrap(), -172_800_000);
        for wrong in ["", "h", "soon", "1y", "99999999999999999d", "é"] {
            assert!(time(wrong, 0).is_err(), "{wrong}");
        }
    }
}
