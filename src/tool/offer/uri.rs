//! `project://{project_id}/<path>?<query>`: taking such URIs apart, matching them with templates, and writing them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Resource;

const SCHEME: &str = "project://";
/// What RFC 3986 calls unreserved stays as it is in a segment.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Longer is no URI of ours.
const MAX_LEN: usize = 8192;

/// A resource URI, taken apart and decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The project.
    pub project: String,
    /// The path's segments.
    pub segments: Vec<String>,
    /// The query's pairs, in order.
    pub query: Vec<(String, String)>,
}

impl Address {
    /// Takes `uri` apart; `None` when it is none of ours.
    pub fn parse(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix(SCHEME).filter(|_| uri.len() <= MAX_LEN)?;
        if rest.contains('#') {
            return None;
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parts = path.split('/').map(|part| {
            let text = percent_decode_str(part).decode_utf8().ok()?.into_owned();
            (!text.is_empty() && !text.contains('\0')).then_some(text)
        });
        Some(Self {
            project: parts.next()??,
            segments: parts.collect::<Option<_>>()?,
            query: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        })
    }

    /// The first value of a query's key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// The values of the template's names, if `resource` is the one addressed.
    pub fn matches(&self, resource: &Resource) -> Option<Vec<(&'static str, String)>> {
        let mut vars = Vec::new();
        let mut segments = self.segments.iter();
        for part in resource.path.split('/') {
            match name_of(part) {
                Some((name, true)) => {
                    let rest: Vec<&str> = segments.by_ref().map(String::as_str).collect();
                    vars.push((name, Some(rest.join("/")).filter(|r| !r.is_empty())?));
                }
                Some((name, false)) => vars.push((name, segments.next()?.clone())),
                None => {
                    segments.next().filter(|s| *s == part)?;
                }
            }
        }
        segments.next().is_none().then_some(vars)
    }
}

/// The name in `{name}` or `{+name}`, and whether slashes may be in its value.
pub fn name_of(part: &'static str) -> Option<(&'static str, bool)> {
    let inner = part.strip_prefix('{')?.strip_suffix('}')?;
    Some(
        inner
            .strip_prefix('+')
            .map_or((inner, false), |name| (name, true)),
    )
}

/// The names in a template's path.
pub fn names(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(name_of).map(|(name, _)| name)
}

/// `resource` as an RFC 6570 template. `pinned` leaves out the agent, which the caller need not name.
pub fn template(resource: &Resource, pinned: bool) -> String {
    let agent = (resource.own && !pinned).then_some(super::super::AGENT_ID);
    let query: Vec<&str> = resource.query.iter().copied().chain(agent).collect();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("{{?{}}}", query.join(","))
    };
    format!("{SCHEME}{{project_id}}/{}{query}", resource.path)
}

/// The URI of `path`, which has no names, in `project`, for `agent` where one must be named.
pub fn concrete(project: &str, path: &str, agent: Option<&str>) -> String {
    let agent = agent.map_or(String::new(), |a| format!("?agent_id={}", encode(a)));
    format!("{SCHEME}{}/{path}{agent}", encode(project))
}

/// `value` as it stands in a URI's path or query.
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: Resource = Resource::json("issues/{number}", "issue", "", "", "get_issue");
    const FILE: Resource = Resource::json("files/{+path}", "file", "", "", "read")
        .own()
        .query(&["repo"]);
    const LIST: Resource = Resource::json("issues", "issues", "", "", "list_issues");

    fn vars(uri: &str, resource: &Resource) -> Option<Vec<String>> {
        let found = Address::parse(uri)?.matches(resource)?;
        Some(found.into_iter().map(|(k, v)| format!("{k}={v}")).collect())
    }

    #[test]
    fn a_uri_is_matched_with_its_template_only() {
        assert_eq!(
            vars("project://p/issues/12", &ISSUE).unwrap(),
            ["number=12"]
        );
        assert_eq!(vars("project://p/issues", &LIST).unwrap(), [""; 0]);
        assert_eq!(
            vars("project://p/files/a%20b/c.rs?repo=x", &FILE).unwrap(),
            ["path=a b/c.rs"]
        );
        for (uri, resource) in [
            ("project://p/issues", &ISSUE),
            ("project://p/issues/1/2", &ISSUE),
            ("project://p/issues/", &ISSUE),
            ("project://p/files", &FILE),
            ("project:///issues/1", &ISSUE),
            ("file:///etc/passwd", &FILE),
            ("project://p/files/%ff", &FILE),
            ("project://p/files/a%00", &FILE),
            ("project://p/issues/1#x", &ISSUE),
        ] {
            assert_eq!(vars(uri, resource), None, "{uri}");
        }
    }

    #[test]
    fn templates_are_written_for_clients() {
        assert_eq!(
            template(&ISSUE, false),
            "project://{project_id}/issues/{number}"
        );
        assert_eq!(
            template(&FILE, false),
            "project://{project_id}/files/{+path}{?repo,agent_id}"
        );
        assert_eq!(
            template(&FILE, true),
            "project://{project_id}/files/{+path}{?repo}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_value_survives_its_uri(path in "[^\0]{1,40}") {
            let uri = format!("project://p/issues/{}", encode(&path));
            proptest::prop_assert_eq!(vars(&uri, &ISSUE).unwrap(), vec![format!("number={path}")]);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _parsed = Address::parse(&format!("project://{text}"));
        }
    }
}
