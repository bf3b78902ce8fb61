//! Parameters of OAuth requests: each may come once, and an empty one counts as left out (RFC 6749, section 3.1).

use std::collections::HashMap;

use axum::{body::Body, extract::Request};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};

use crate::{access::oauth::Fault, edge::rest};

/// Largest body of a request.
const MAX_BODY: usize = 64 * 1024;

/// The parameters of a request.
#[derive(Debug)]
pub struct Form(HashMap<String, Vec<String>>);

/// Who a client says that it is.
#[derive(Debug)]
pub struct Credentials {
    /// Its id.
    pub client_id: String,
    /// Its secret, if it has sent one.
    pub secret: Option<String>,
}

impl Form {
    /// Those of a query.
    pub fn query(query: &str) -> Self {
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in rest::query_pairs(query) {
            if !value.is_empty() {
                all.entry(name).or_default().push(value);
            }
        }
        Self(all)
    }

    /// Those of a body.
    pub async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Fault> {
        let media = headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        let form = "application/x-www-form-urlencoded";
        if !media.is_some_and(|media| media.to_ascii_lowercase().starts_with(form)) {
            let problem = format!("send the parameters as {form}");
            return Err(Fault::new("invalid_request", problem));
        }
        let body = rest::collect(body, MAX_BODY).await;
        let body = body.map_err(|error| Fault::new("invalid_request", error.message))?;
        let text = std::str::from_utf8(&body);
        let text =
            text.map_err(|_| Fault::new("invalid_request", "the parameters are no UTF-8"))?;
        Ok(Self::query(text))
    }

    /// The parameter `name`, if it was sent.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        match self.all(name) {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(Fault::new(
                "invalid_request",
                format!("{name} was sent more than once"),
            )),
        }
    }

    /// The parameter `name`.
    pub fn need(&self, name: &'static str) -> Result<&str, Fault> {
        let problem = || Fault::new("invalid_request", format!("{name} is missing"));
        self.get(name)?.ok_or_else(problem)
    }

    /// All parameters called `name`.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The words of the parameter `scope`.
    pub fn scopes(&self) -> Result<Option<Vec<String>>, Fault> {
        let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect();
        Ok(self.get("scope")?.map(words))
    }

    /// Who sends it: in the `Authorization` header, or among the parameters (RFC 6749, section 2.3.1).
    pub fn credentials(&self, headers: &HeaderMap) -> Result<Credentials, Fault> {
        let (id, secret) = (self.get("client_id")?, self.get("client_secret")?);
        let Some((given_id, given_secret)) = basic(headers) else {
            let client_id = self.need("client_id")?.to_owned();
            let secret = secret.map(str::to_owned);
            return Ok(Credentials { client_id, secret });
        };
        if secret.is_some() || id.is_some_and(|id| id != given_id) {
            let problem =
                "the client has credentials in the header and among the parameters: use one";
            return Err(Fault::new("invalid_request", problem));
        }
        Ok(Credentials {
            client_id: given_id,
            secret: Some(given_secret),
        })
    }
}

/// Id and secret of HTTP's Basic scheme, each encoded as in a form.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text)
        .decode_utf8_lossy()
        .into_owned()
}

/// The cookie called `name`.
pub fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let all = request.headers().get_all(header::COOKIE);
    let pairs = all
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('='));
    values.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic_header(text: &str) -> HeaderMap {
        let value = format!("Basic {}", BASE64_STANDARD.encode(text));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_parameter_comes_once_and_an_empty_one_not_at_all() {
        let form = Form::query("a=1&b=2&b=3&c=&scope=x+y");
        assert_eq!(form.get("a").unwrap(), Some("1"));
        assert_eq!(form.get("b").unwrap_err().error, "invalid_request");
        assert_eq!(form.get("c").unwrap(), None);
        assert!(
            form.need("c")
                .unwrap_err()
                .description
                .contains("c is missing")
        );
        assert_eq!(form.scopes().unwrap().unwrap(), ["x", "y"]);
    }

    #[test]
    fn a_client_says_who_it_is_in_one_way() {
        let both = basic_header("tok_1:s%2Be+cret");
        let of = |query: &str, headers: &HeaderMap| Form::query(query).credentials(headers);
        let known = of("client_id=tok_1", &both).unwrap();
        assert_eq!(
            (&*known.client_id, known.secret.as_deref()),
            ("tok_1", Some("s+e cret"))
        );
        assert!(of("client_id=tok_1&client_secret=x", &both).is_err());
        assert!(of("client_id=tok_2", &both).is_err());
        assert!(of("", &HeaderMap::new()).is_err());
        let public = of("client_id=cli_1", &HeaderMap::new()).unwrap();
        assert_eq!(public.secret, None);
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_taken(text in "\\PC{0,40}") {
            let _: Result<Credentials, Fault> = Form::query("").credentials(&basic_header(&text));
        }
    }
}
