//! What no type can say of settings: whether they make sense.

use std::net::SocketAddr;

use super::{Settings, explain::Text};
use crate::{
    access::ServerId,
    observe,
    servers::{self, knowledge_base, llm_gateway::setup},
};

impl Settings {
    /// Says what is wrong, and where.
    pub(super) fn check(&self, text: &Text) -> anyhow::Result<()> {
        let address = |path: &[&str], value: &str| {
            value.parse::<SocketAddr>().map(|_| ()).map_err(|_| {
                let next = "is no address and port: write it like \"127.0.0.1:9000\"";
                text.wrong(path, &format!("{value:?} {next}"))
            })
        };
        address(&["http", "listen"], &self.http.listen)?;
        for server in ServerId::ALL {
            if let Some(listen) = self.listen(server) {
                address(&["servers", server.as_str(), "listen"], &listen)?;
            }
        }
        self.check_auth(text)?;
        self.webhooks
            .check()
            .map_err(|(field, problem)| text.wrong(&["webhooks", field], &problem))?;
        let tools = servers::all_tool_names();
        for (n, rule) in self.limits.rules.iter().enumerate() {
            rule.check(&tools).map_err(|problem| {
                text.wrong(
                    &["limits", "rules"],
                    &format!("the rule {}: {problem}", n + 1),
                )
            })?;
        }
        observe::log_filter(&self.observe)
            .map_err(|error| text.wrong(&["observe", "log"], &error.to_string()))?;
        // They say the place themselves.
        let placed = |error: &str| {
            let (path, problem) = error.split_once(": ").unwrap_or(("", error));
            let path: Vec<&str> = path
                .split(['.', '/', '[', ']'])
                .filter(|p| !p.is_empty())
                .collect();
            text.wrong(&path, problem)
        };
        let on = |server| self.servers.common(server).enabled;
        if on(ServerId::LlmGateway) {
            setup::check(&self.servers.llm_gateway).map_err(|error| placed(&error))?;
        }
        if on(ServerId::KnowledgeBase) {
            knowledge_base::check(&self.servers.knowledge_base).map_err(|error| placed(&error))?;
        }
        self.database
            .kind()
            .map_err(|error| text.wrong(&["database", "url"], &error.to_string()))?;
        Ok(())
    }

    fn check_auth(&self, text: &Text) -> anyhow::Result<()> {
        for (name, issuer) in &self.auth.issuers {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
            if name.is_empty() || !name.bytes().all(plain) {
                let problem = "must be named by a-z, 0-9, '-' and '_'";
                return Err(text.wrong(&["auth", "issuers", name], problem));
            }
            issuer.check().map_err(|(field, problem)| {
                text.wrong(&["auth", "issuers", name, field], &problem)
            })?;
        }
        if self.auth.oauth.enabled && !self.http.is_safe_for_browsers() {
            let problem = "needs http.public_url = \"https://…\": whoever gives consent in a browser must reach this hub, and no other";
            return Err(text.wrong(&["auth", "oauth", "enabled"], problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Settings::parse(text, "config.toml", false)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_wrong_issuer_and_consent_over_plain_http_are_refused_with_their_line() {
        let error = refused("[auth.issuers.x]\nissuer = \"http://id.example.com\"\n");
        let place = "config.toml:2:1: auth.issuers.x.issuer";
        assert!(
            error.contains(place) && error.contains("https://"),
            "{error}"
        );
        let issuer = "[auth.issuers.x]\nissuer = \"https://id.example.com\"\n";
        let error = refused(issuer);
        assert!(error.contains("grants"), "{error}");
        let grant = "[[auth.issuers.x.grants]]\nprojects = [\"*\"]\nagents = [\"*\"]\nscopes = [\"issue:read\"]\n";
        let error = refused(&format!("{issuer}{grant}"));
        assert!(error.contains("issue:read"), "{error}");
        let error = refused(&format!("{issuer}algorithms = [\"HS256\"]\n"));
        assert!(error.contains("HS256"), "{error}");

        let open = "[http]\nlisten = \"0.0.0.0:9000\"\n";
        let oauth = "[auth.oauth]\nenabled = true\n";
        let error = refused(&format!("{open}{oauth}"));
        assert!(
            error.contains("config.toml:4:1: auth.oauth.enabled"),
            "{error}"
        );
        for fine in [
            oauth.to_owned(),
            format!("{open}public_url = \"https://hub.example.com\"\n{oauth}"),
        ] {
            assert!(
                Settings::parse(&fine, "config.toml", false).is_ok(),
                "{fine}"
            );
        }
    }

    #[test]
    fn attempts_that_never_come_are_refused_with_their_line() {
        let error = refused("[webhooks]\nretry_s = [5, 0]\n");
        assert!(
            error.contains("config.toml:2:1: webhooks.retry_s") && error.contains("604800"),
            "{error}"
        );
    }

    #[test]
    fn a_rule_that_limits_nothing_or_no_tool_is_refused_with_its_line() {
        let error = refused("[[limits.rules]]\nagent = \"*\"\n");
        assert!(
            error.contains("config.toml:1") && error.contains("limits nothing"),
            "{error}"
        );
        let rule = "[[limits.rules]]\ncalls_per_minute = 1\ntools = [\"git_lgo\"]\n";
        let error = refused(rule);
        assert!(error.contains("did you mean \"git_log\""), "{error}");
    }
}
