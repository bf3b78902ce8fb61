//! What of new settings a running hub can follow.

use super::Settings;
use crate::access::ServerId;

/// The servers that follow their own settings while they are open.
const FOLLOWING: [ServerId; 1] = [ServerId::LlmGateway];

/// New settings, sorted.
#[derive(Debug, PartialEq)]
pub struct Live {
    /// What the hub can run with from now on.
    pub settings: Settings,
    /// The sections and keys whose changes wait for a restart.
    pub waiting: Vec<String>,
}

impl Settings {
    /// What a hub that runs with `self` can take over from `new`: which servers and tools are enabled, `observe.log`,
    /// `limits`, and all settings of the servers that follow theirs, or are not `open` yet.
    pub fn live(&self, new: &Self, open: impl Fn(ServerId) -> bool) -> Live {
        let (mut settings, mut waiting) = (new.clone(), Vec::new());
        macro_rules! keep {
            ($($key:ident).+) => {
                if settings.$($key).+ != self.$($key).+ {
                    waiting.push(stringify!($($key).+).to_owned());
                    settings.$($key).+ = self.$($key).+.clone();
                }
            };
        }
        keep!(http);
        keep!(mcp);
        keep!(database);
        keep!(storage);
        keep!(auth);
        keep!(audit);
        keep!(events);
        keep!(webhooks);
        keep!(limits.blocking_threads);
        keep!(observe.format);
        // The one part of a server's settings that is followed where the rest is not.
        let embedding = std::mem::replace(
            &mut settings.servers.knowledge_base.embedding,
            self.servers.knowledge_base.embedding.clone(),
        );
        for server in ServerId::ALL {
            if open(server)
                && !FOLLOWING.contains(&server)
                && settings.servers.take_own(server, &self.servers)
            {
                waiting.push(format!("servers.{server}"));
            }
            let (old, new) = (self.servers.common(server), new.servers.common(server));
            if old.enabled && new.enabled && old.listen != new.listen {
                waiting.push(format!("servers.{server}.listen"));
                settings.servers.set_listen(server, old.listen.clone());
            }
        }
        settings.servers.knowledge_base.embedding = embedding;
        Live { settings, waiting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::parse(text, "config.toml", false).unwrap()
    }

    #[test]
    fn what_can_change_live_does_and_the_rest_waits() {
        let old = settings("[servers.git]\nenabled = false\n");
        let new = settings(
            "[http]\nlisten = \"127.0.0.1:1\"\n[limits]\ncalls_per_minute = 9\nblocking_threads = 1\n\
             [events]\nretention_days = 1\n[observe]\nlog = \"debug\"\nformat = \"json\"\n\
             [servers.git]\nlisten = \"127.0.0.1:2\"\nemail_domain = \"x.test\"\n\
             [servers.llm_gateway]\nmock = false\n\
             [servers.knowledge_base.embedding]\nprovider = \"none\"\n\
             [servers.issues]\nlease_s = 5\nlisten = \"off\"\ndisabled_tools = [\"create_issue\"]\n",
        );
        let live = old.live(&new, |server| server != ServerId::Git);
        assert_eq!(
            live.waiting,
            [
                "http",
                "events",
                "limits.blocking_threads",
                "observe.format",
                "servers.issues",
                "servers.issues.listen"
            ]
        );
        let now = &live.settings;
        assert_eq!(now.limits.calls_per_minute, 9);
        assert_eq!(
            (now.observe.log.as_str(), now.observe.format),
            ("debug", old.observe.format)
        );
        assert_eq!((&now.http, &now.events), (&old.http, &old.events));
        // Not open before: it opens as it is set now.
        assert_eq!(now.listen(ServerId::Git).as_deref(), Some("127.0.0.1:2"));
        assert_eq!(now.servers.git, new.servers.git);
        assert_eq!(now.servers.llm_gateway, new.servers.llm_gateway);
        assert_eq!(now.servers.knowledge_base, new.servers.knowledge_base);
        assert_eq!(now.servers.issues, old.servers.issues);
        let issues = now.servers.common(ServerId::Issues);
        assert_eq!(
            (issues.listen.as_ref(), issues.disabled_tools.len()),
            (None, 1)
        );
    }

    #[test]
    fn the_same_settings_change_nothing() {
        let same = settings("[servers.git]\nenabled = false\n");
        let live = same.live(&same, |_| true);
        assert_eq!((live.settings, live.waiting.len()), (same, 0));
    }
}
