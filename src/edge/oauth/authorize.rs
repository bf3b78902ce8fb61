//! `/oauth/authorize`: a client asks, whoever holds a service token decides.
//!
//! The hub keeps no accounts. A service token is what people have, and what the consent hangs on: it is pasted into the form, goes
//! to the hub and nowhere else, and no session of the browser remembers it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, header};
use reqwest::Url;

use super::{
    Asker, Door,
    form::{self, Form},
    page, record,
};
use crate::{
    access::oauth::{Asked, Consent, Fault, LIFE_MS, OAuthServer},
    edge::{gate, proxies, rest},
};

/// What binds a page to the browser that shows it.
const COOKIE: &str = "syx_consent";
/// Longest `state` that is carried along.
const MAX_STATE: usize = 2000;

/// Shows the page.
pub async fn show(State(door): State<Door>, request: Request) -> Response {
    let Some(oauth) = door.hub.oauth.clone() else {
        return rest::no_such_path(request).await.into_response();
    };
    let form = Form::query(request.uri().query().unwrap_or_default());
    let asked = match read(&door, &oauth, &form).await {
        Ok(asked) => asked,
        Err(answer) => return *answer,
    };
    let known = form::cookie(&request, COOKIE).filter(|value| value.len() == 43);
    let browser = match known.map_or_else(random, |known| Ok(known.to_owned())) {
        Ok(browser) => browser,
        Err(fault) => return page::refusal(StatusCode::SERVICE_UNAVAILABLE, &fault.description),
    };
    let site = proxies::site(&request, &door.hub.http);
    let mut response = consent_page(&oauth, &asked, &browser, &site, None);
    let secure = if site.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{COOKIE}={browser}; Path={}/oauth; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        path_of(&site),
        LIFE_MS / 1000,
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Takes the answer.
pub async fn answer(State(door): State<Door>, request: Request) -> Response {
    let Some(oauth) = door.hub.oauth.clone() else {
        return rest::no_such_path(request).await.into_response();
    };
    let foreign = || {
        let problem = "This page is too old, or the answer came from another page: go back to the client and start again.";
        page::refusal(StatusCode::FORBIDDEN, problem)
    };
    let site = proxies::site(&request, &door.hub.http);
    let browser = form::cookie(&request, COOKIE).map(str::to_owned);
    let Some(browser) = browser.filter(|_| is_own(&request, &site)) else {
        return foreign();
    };
    let id = gate::request_id(&request).cloned();
    let (parts, body) = request.into_parts();
    let form = match Form::read(&parts.headers, body).await {
        Ok(form) => form,
        Err(fault) => return page::refusal(StatusCode::BAD_REQUEST, &fault.description),
    };
    let field = |name| form.get(name).ok().flatten().unwrap_or_default();
    let Some(asked) = oauth.open(field("ticket"), &browser) else {
        return foreign();
    };
    if field("answer") != "allow" {
        let denied = Fault::new("access_denied", "consent was denied");
        return redirect(
            &door,
            &asked.redirect_uri,
            asked.state.as_deref(),
            Err(&denied),
        );
    }
    let person = oauth.person(field("token")).await;
    let asker = Asker {
        person: person.as_ref().ok().map(|person| Arc::clone(&person.id)),
        client: &asked.client_id,
        request: id,
    };
    let agreed = async {
        let person = person.map_err(|fault| match fault.source {
            None => Fault::new("access_denied", "this is no service token that works"),
            Some(_) => fault,
        })?;
        let place = door.hub.places.find(&asked.resource);
        let place = place.ok_or_else(|| Fault::new("invalid_target", "resource is gone"))?;
        let consent = Consent {
            scopes: form.all("scope").to_vec(),
            project: field("project").to_owned(),
            agent: field("agent").to_owned(),
        };
        oauth.consent(&person, &asked, place, &consent).await
    };
    let done = record(&door.hub, &oauth, "oauth_consent", asker, agreed).await;
    match done {
        Ok(code) => redirect(
            &door,
            &asked.redirect_uri,
            asked.state.as_deref(),
            Ok(code.reveal()),
        ),
        Err(fault) => consent_page(&oauth, &asked, &browser, &site, Some(&fault.description)),
    }
}

fn consent_page(
    oauth: &OAuthServer,
    asked: &Asked,
    browser: &str,
    site: &str,
    wrong: Option<&str>,
) -> Response {
    let Some(ticket) = oauth.seal(asked, browser) else {
        return page::refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The request cannot be kept.",
        );
    };
    let action = format!("{}/oauth/authorize", path_of(site));
    page::Consent {
        asked,
        ticket: &ticket,
        action: &action,
        wrong,
    }
    .respond()
}

/// Reads what a client asks for. Nobody is sent to a URL before it is known to be the client's.
async fn read(door: &Door, oauth: &OAuthServer, form: &Form) -> Result<Asked, Box<Response>> {
    let refuse = |fault: Fault| {
        let busy = fault.retry_after.is_some() || fault.source.is_some();
        let status = if busy {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::BAD_REQUEST
        };
        Box::new(page::refusal(status, &fault.description))
    };
    let client = oauth
        .client(form.need("client_id").map_err(refuse)?)
        .await
        .map_err(refuse)?;
    let uris = client.redirect_uris.as_slice();
    let redirect_uri = match (form.get("redirect_uri").map_err(refuse)?, uris) {
        (Some(asked), _) if OAuthServer::may_redirect(uris, asked) => asked.to_owned(),
        (None, [only]) => only.clone(),
        _ => {
            let problem = "redirect_uri is none that the client has registered";
            return Err(refuse(Fault::new("invalid_request", problem)));
        }
    };
    let state = form
        .get("state")
        .ok()
        .flatten()
        .filter(|state| state.len() <= MAX_STATE);
    let asked = || {
        check(form)?;
        let resource = form
            .get("resource")?
            .and_then(|url| Some((url, door.hub.places.find(url)?)));
        let (resource, place) = resource.ok_or_else(|| {
            Fault::new(
                "invalid_target",
                "resource must be the URL of one of this hub's MCP endpoints, as its metadata say it",
            )
        })?;
        let wanted = form.scopes()?.unwrap_or_else(|| {
            let usual = place.usual_scopes();
            usual.split(' ').map(str::to_owned).collect()
        });
        let scopes = OAuthServer::offered(&wanted, place);
        if scopes.is_empty() {
            let problem = format!(
                "scope has none of this resource: {}",
                place.scopes().join(", ")
            );
            return Err(Fault::new("invalid_scope", problem));
        }
        Ok(Asked {
            client_id: client.id.clone(),
            client_name: client.name.clone(),
            redirect_uri: redirect_uri.clone(),
            state: state.map(str::to_owned),
            scopes,
            challenge: form.need("code_challenge")?.to_owned(),
            resource: resource.to_owned(),
        })
    };
    asked().map_err(|fault| Box::new(redirect(door, &redirect_uri, state, Err(&fault))))
}

fn check(form: &Form) -> Result<(), Fault> {
    if form.need("response_type")? != "code" {
        let problem = "response_type must be \"code\"";
        return Err(Fault::new("unsupported_response_type", problem));
    }
    if form
        .get("state")?
        .is_some_and(|state| state.len() > MAX_STATE)
    {
        return Err(Fault::new(
            "invalid_request",
            format!("state is longer than {MAX_STATE} bytes"),
        ));
    }
    let challenge = form.need("code_challenge")?;
    let hashed = BASE64_URL_SAFE_NO_PAD
        .decode(challenge)
        .is_ok_and(|hash| hash.len() == 32);
    if form.get("code_challenge_method")? != Some("S256") || !hashed {
        let problem = "code_challenge_method must be S256, code_challenge the verifier's SHA-256 in base64url (RFC 7636)";
        return Err(Fault::new("invalid_request", problem));
    }
    Ok(())
}

/// Sends the browser back to the client, with the code or with what is wrong. `iss` tells the client who answers (RFC 9207).
fn redirect(door: &Door, to: &str, state: Option<&str>, done: Result<&str, &Fault>) -> Response {
    let Ok(mut url) = Url::parse(to) else {
        return page::refusal(
            StatusCode::BAD_REQUEST,
            "The client's redirect_uri is no URL.",
        );
    };
    {
        let mut query = url.query_pairs_mut();
        match done {
            Ok(code) => {
                query.append_pair("code", code);
            }
            Err(fault) => {
                query.append_pair("error", fault.error);
                query.append_pair("error_description", &fault.description);
            }
        }
        if let Some(state) = state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &door.hub.places.issuer());
    }
    let Ok(location) = HeaderValue::from_str(url.as_str()) else {
        return page::refusal(
            StatusCode::BAD_REQUEST,
            "The client's redirect_uri is no URL.",
        );
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Whether the hub's own page sends the form.
fn is_own(request: &Request, site: &str) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let origin = Url::parse(site).map(|url| url.origin().ascii_serialization());
    let same_origin = match text("origin") {
        Some(given) => origin.is_ok_and(|own| own == given),
        None => true,
    };
    same_origin && matches!(text("sec-fetch-site"), None | Some("same-origin"))
}

/// The path that a site's URLs begin with.
fn path_of(site: &str) -> String {
    let path = Url::parse(site).map(|url| url.path().to_owned());
    path.unwrap_or_default().trim_end_matches('/').to_owned()
}

fn random() -> Result<String, Fault> {
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bits))
}
