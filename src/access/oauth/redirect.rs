//! Where a client may be sent back to.

use reqwest::Url;

/// Longest redirect URI.
const MAX_LEN: usize = 2000;

/// Whether `uri` leads to the machine that the person sits at, by plain http (RFC 8252, section 7.3).
fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

/// `uri`, if it is one that codes could be sent to (RFC 6749, section 3.1.2): absolute, without fragment and credentials.
pub fn parse(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let scripts = ["javascript", "data", "vbscript", "file", "blob", "about"];
    let plain = uri.len() <= MAX_LEN
        && !uri.contains(|c: char| c.is_control() || c.is_whitespace())
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && !scripts.contains(&url.scheme());
    plain.then_some(url)
}

/// Whether a client may name `uri` as its own: on this machine, where the operator allows it, or where its document is.
pub fn is_allowed(uri: &str, allowed: &[String], document: Option<&Url>) -> bool {
    let Some(url) = parse(uri) else { return false };
    let beside = document.is_some_and(|at| url.scheme() == "https" && url.origin() == at.origin());
    is_loopback(&url) || beside || allowed.iter().any(|one| one == uri)
}

/// Whether a client that registered `own` may be sent to `asked`: exactly there, but for the port where it listens on its own
/// machine (RFC 8252, section 7.3).
pub fn matches(own: &str, asked: &str) -> bool {
    if own == asked {
        return parse(asked).is_some();
    }
    let without_port = |uri: &str| {
        let mut url = parse(uri).filter(is_loopback)?;
        url.set_port(None).ok()?;
        Some(url)
    };
    without_port(own).is_some_and(|own| without_port(asked) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_may_be_on_this_machine_or_where_it_is_allowed() {
        let allowed = ["cursor://anysphere.cursor-mcp/oauth/callback".to_owned()];
        let document = Url::parse("https://app.example.com/client.json").unwrap();
        let may = |uri| is_allowed(uri, &allowed, Some(&document));
        for good in [
            "http://127.0.0.1:1234/callback",
            "http://localhost/cb?x=1",
            "http://[::1]:1/",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://app.example.com/cb",
        ] {
            assert!(may(good), "{good}");
        }
        for bad in [
            "https://evil.example/cb",
            "http://app.example.com/cb",
            "https://localhost/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1@evil.example/",
            "http://me@127.0.0.1/",
            "http://127.0.0.1/#x",
            "http://127.0.0.1/a b",
            "cursor://other/callback",
            "javascript:alert(1)",
            "/callback",
            "",
        ] {
            assert!(!may(bad), "{bad}");
        }
        assert!(!is_allowed("https://app.example.com/cb", &allowed, None));
    }

    #[test]
    fn a_client_is_sent_where_it_registered_but_for_its_port_on_this_machine() {
        let own = "http://127.0.0.1:1234/callback";
        assert!(matches(own, own) && matches(own, "http://127.0.0.1:9/callback"));
        for bad in [
            "http://127.0.0.1:1234/callback/",
            "http://127.0.0.1:1234/callback?x",
            "http://localhost:1234/callback",
            "https://127.0.0.1:1234/callback",
        ] {
            assert!(!matches(own, bad), "{bad}");
        }
        assert!(!matches("https://a.example:1/cb", "https://a.example:2/cb"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_allowed_leads_to_this_machine(uri in "(https?://)?[a-z0-9.@:\\[\\]#?/%-]{0,40}") {
            if is_allowed(&uri, &[], None) {
                let host = Url::parse(&uri).unwrap().host_str().unwrap().to_owned();
                proptest::prop_assert!(["127.0.0.1", "localhost", "[::1]"].contains(&host.as_str()));
            }
        }
    }
}
