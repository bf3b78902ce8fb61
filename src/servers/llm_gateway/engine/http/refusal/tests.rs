use proptest::prelude::*;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect()
}

#[test]
fn every_shape_is_read() {
    let key = Secret::new("sk-very-secret-key");
    for (status, body, kind, message, code, param) in [
        (
            400,
            r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            Kind::BadRequest,
            "too long",
            Some("context_length_exceeded"),
            Some("messages"),
        ),
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-very-*****-key.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            Kind::Credentials,
            "Incorrect API key provided: ***.",
            Some("invalid_api_key"),
            None,
        ),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#,
            Kind::Overloaded,
            "Overloaded",
            Some("overloaded_error"),
            None,
        ),
        (
            422,
            r#"{"detail":[{"loc":["body"],"msg":"field required","type":"missing"}]}"#,
            Kind::BadRequest,
            "field required",
            None,
            None,
        ),
        (
            404,
            r#"{"error":"model 'x' not found"}"#,
            Kind::NoSuchModel,
            "model 'x' not found",
            None,
            None,
        ),
        (
            404,
            r#"{"detail":"Not Found"}"#,
            Kind::NoSuchModel,
            "Not Found",
            None,
            None,
        ),
        (
            400,
            r#"{"object":"error","message":"bad role","type":"invalid","param":null,"code":3051}"#,
            Kind::BadRequest,
            "bad role",
            Some("3051"),
            None,
        ),
        (
            502,
            "<html>nginx</html>",
            Kind::Broken,
            "it answered 502",
            None,
            None,
        ),
        (409, "", Kind::Overloaded, "it answered 409", None, None),
        (402, "no money", Kind::Credentials, "no money", None, None),
        (413, "{}", Kind::BadRequest, "it answered 413", None, None),
    ] {
        let failure = of_answer(status, &HeaderMap::new(), body, Some(&key));
        assert_eq!(failure.status, Some(status));
        assert_eq!(
            (
                failure.kind,
                failure.message.as_str(),
                failure.code.as_deref(),
                failure.param.as_deref()
            ),
            (kind, message, code, param),
            "{body}"
        );
    }
}

#[test]
fn errors_within_streams_get_the_status_they_would_have_had() {
    for (data, status, kind) in [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
            Some(529),
            Kind::Overloaded,
        ),
        (
            r#"{"error":{"message":"x","type":"server_error","code":null}}"#,
            Some(500),
            Kind::Broken,
        ),
        (
            r#"{"error":{"message":"x","code":429}}"#,
            Some(429),
            Kind::RateLimited,
        ),
        (
            r#"{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}"#,
            Some(429),
            Kind::RateLimited,
        ),
        (
            r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"x"}}}"#,
            Some(500),
            Kind::Broken,
        ),
        (
            r#"{"error":{"message":"x","type":"odd"}}"#,
            None,
            Kind::Broken,
        ),
    ] {
        let failure = of_event(data, None);
        assert_eq!(
            (failure.status, failure.kind, failure.message.as_str()),
            (status, kind, "x"),
            "{data}"
        );
    }
}

#[test]
fn waits_are_read_in_every_form() {
    for (pairs, seconds) in [
        (&[("retry-after", "7")][..], Some(7.0)),
        (
            &[("retry-after", "7"), ("retry-after-ms", "1500")],
            Some(1.5),
        ),
        (
            &[
                ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
                ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ],
            Some(30.0),
        ),
        (&[("retry-after", "86401")], None),
        (&[("retry-after-ms", "-1")], None),
        (&[], None),
    ] {
        let wait = retry_after(&headers(pairs));
        assert_eq!(wait, seconds.map(Duration::from_secs_f64), "{pairs:?}");
    }
    let google = r#"{"error":{"code":429,"details":[{"@type":"x"},{"@type":"y.RetryInfo","retryDelay":"17.5s"}]}}"#;
    let wait = of_answer(429, &HeaderMap::new(), google, None).retry_after;
    assert_eq!(wait, Some(Duration::from_millis(17_500)));
    let told = |value: &str| of_answer(400, &headers(&[("x-should-retry", value)]), "", None);
    assert_eq!(
        (told("true").should_retry, told("false").should_retry),
        (Some(true), Some(false))
    );
    assert_eq!(told("maybe").should_retry, None);
}

proptest! {
    #[test]
    fn any_body_is_taken(body in "\\PC{0,80}") {
        of_answer(500, &HeaderMap::new(), &body, Some(&Secret::new("sk")));
        of_event(&body, None);
    }
}
