//! `/docs`: a page that shows `/openapi.json`, whole in the binary. It tells nothing of this hub: the document asks for a token.

use axum::{Router, response::IntoResponse, routing::get};
use http::header;

/// Nothing is loaded but the page's own two files, nothing asked but this hub.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The page and what it is made of.
pub fn router() -> Router {
    let files = [
        (
            "/docs",
            "text/html; charset=utf-8",
            include_str!("page.html"),
        ),
        (
            "/docs/page.css",
            "text/css; charset=utf-8",
            include_str!("page.css"),
        ),
        (
            "/docs/page.js",
            "text/javascript; charset=utf-8",
            include_str!("page.js"),
        ),
    ];
    files
        .into_iter()
        .fold(Router::new(), |router, (path, kind, text)| {
            router.route(path, get(move || async move { file(kind, text) }))
        })
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text)
}
