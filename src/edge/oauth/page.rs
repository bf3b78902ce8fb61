//! The page on which somebody lets a client in: plain HTML, nothing loaded, nothing run.

use axum::response::{IntoResponse, Response};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, StatusCode, header};

use crate::access::oauth::Asked;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;color:#1a1a2e;background:#fff}\
h1{font-size:1.4rem}code{background:#eef;padding:.1rem .3rem;border-radius:.2rem;overflow-wrap:anywhere}\
fieldset,.wrong{border:1px solid #ccd;border-radius:.4rem;margin:1rem 0;padding:.6rem 1rem}.wrong{border-color:#b00;color:#b00}\
label{display:block;margin:.5rem 0}input:not([type=checkbox]){display:block;width:100%;box-sizing:border-box;padding:.5rem;font:inherit}\
button{font:inherit;padding:.5rem 1.2rem;margin:.5rem .5rem 0 0;border-radius:.4rem;border:1px solid #2f6feb;background:#fff;color:#2f6feb}\
button[value=allow]{background:#2f6feb;color:#fff}\
@media(prefers-color-scheme:dark){body{background:#15151f;color:#eee}code{background:#2a2a3a}}";

/// What the page is made of.
#[derive(Debug)]
pub struct Consent<'a> {
    /// What was asked.
    pub asked: &'a Asked,
    /// The same, sealed.
    pub ticket: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// What was wrong with the form before.
    pub wrong: Option<&'a str>,
}

impl Consent<'_> {
    /// The page.
    pub fn respond(&self) -> Response {
        let Self {
            asked,
            ticket,
            action,
            wrong,
        } = self;
        let scopes: String = asked
            .scopes
            .iter()
            .map(|scope| {
                let scope = escape(scope);
                format!("<label><input type=checkbox name=scope value=\"{scope}\" checked> <code>{scope}</code></label>")
            })
            .collect();
        let wrong = wrong.map_or(String::new(), |wrong| {
            format!("<p class=wrong role=alert>{}</p>", escape(wrong))
        });
        let body = format!(
            "<h1>Let <em>{name}</em> in?</h1>\
             <p>The client <code>{id}</code> asks for access to <code>{resource}</code>. The answer goes to <code>{to}</code>. \
             Go on only if you have just started this yourself.</p>{wrong}\
             <form method=post action=\"{action}\" autocomplete=off><input type=hidden name=ticket value=\"{ticket}\">\
             <fieldset><legend>It may</legend>{scopes}</fieldset>\
             <label>Your service token <input type=password name=token autocomplete=off spellcheck=false autofocus></label>\
             <label>Only in this project <input name=project maxlength=64 placeholder=\"all that your token covers\"></label>\
             <label>Only as this agent <input name=agent maxlength=64 placeholder=\"all that your token covers\"></label>\
             <p>The client does not get your token, nor more than your token may do, and nothing any more once your token ends.</p>\
             <button name=answer value=allow>Allow</button><button name=answer value=deny>Deny</button></form>",
            name = escape(&asked.client_name),
            id = escape(&asked.client_id),
            resource = escape(&asked.resource),
            to = escape(&asked.redirect_uri),
            action = escape(action),
            ticket = escape(ticket),
        );
        let status = if wrong.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        };
        page(
            status,
            "Let a client in",
            &body,
            &target(&asked.redirect_uri),
        )
    }
}

/// A page that says why there is no other.
pub fn refusal(status: StatusCode, problem: &str) -> Response {
    let body = format!(
        "<h1>This cannot go on</h1><p class=wrong role=alert>{}</p>",
        escape(problem)
    );
    page(status, "This cannot go on", &body, "")
}

fn page(status: StatusCode, title: &str, body: &str, target: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title} – Syndarix</title><style>{STYLE}</style></head><body>{body}</body></html>"
    );
    let hash = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    // A browser follows the answer's redirect only to where a form may go.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' {target}; frame-ancestors 'none'; base-uri 'none'",
        BASE64_STANDARD.encode(hash)
    );
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        html,
    )
        .into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        // Without any, browsers would hide the form's own origin, which is checked.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Where the form's answer leads, as a policy names it: an origin, or the scheme of a program.
fn target(uri: &str) -> String {
    let Ok(url) = reqwest::Url::parse(uri) else {
        return String::new();
    };
    if matches!(url.scheme(), "http" | "https") {
        url.origin().ascii_serialization()
    } else {
        format!("{}:", url.scheme())
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Text that runs backwards could make a name look like another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_of_itself_is_shown_as_text() {
        assert_eq!(
            escape("<b a=\"x\">'&\u{202e}"),
            "&lt;b a=&quot;x&quot;&gt;&#39;&amp;"
        );
    }

    #[test]
    fn the_policy_lets_the_answer_go_where_it_must() {
        assert_eq!(
            target("http://127.0.0.1:1234/cb?x=1"),
            "http://127.0.0.1:1234"
        );
        assert_eq!(target("cursor://anysphere/cb"), "cursor:");
    }
}
