//! genai's errors as failures.

use genai::{Error as GenaiError, webc};
use http::HeaderMap;

use super::super::{
    failure::{Failure, Kind},
    http::{of_transport, refusal},
    secret::Secret,
};

/// What `error` means, without the key.
pub fn of(error: &GenaiError, key: Option<&Secret>) -> Failure {
    match error {
        // The first event of a stream carries what the request itself met.
        GenaiError::WebStream { error, cause, .. } => match error.downcast_ref::<GenaiError>() {
            Some(inner) => of(inner, key),
            None if error.is::<webc::StreamTimeout>() => {
                Failure::new(Kind::TimedOut, "it did not answer in time")
            }
            None => match error.downcast_ref::<reqwest::Error>() {
                Some(error) => of_transport(error),
                None => Failure::new(Kind::Broken, refusal::clean(cause, key)),
            },
        },
        GenaiError::HttpError { body, .. } => of_status(error, body, key),
        GenaiError::WebModelCall { webc_error, .. }
        | GenaiError::WebAdapterCall { webc_error, .. } => match webc_error {
            webc::Error::ResponseFailedStatus { body, .. } => of_status(error, body, key),
            webc::Error::Reqwest(error) => of_transport(error),
            _ => Failure::new(Kind::Broken, "it answered with something that is no JSON"),
        },
        GenaiError::ChatResponse { body, .. } => refusal::of_event(&body.to_string(), key),
        GenaiError::MessageRoleNotSupported { .. }
        | GenaiError::MessageContentTypeNotSupported { .. }
        | GenaiError::LastChatMessageIsNotUser { .. }
        | GenaiError::ChatReqHasNoMessages { .. } => {
            Failure::new(Kind::BadRequest, refusal::clean(&error.to_string(), key))
        }
        GenaiError::AdapterNotSupported { .. } => {
            Failure::new(Kind::BadRequest, "this kind of provider cannot do that")
        }
        _ => Failure::new(Kind::Broken, "its answer makes no sense"),
    }
}

fn of_status(error: &GenaiError, body: &str, key: Option<&Secret>) -> Failure {
    let status = error.status().map_or(0, |status| status.as_u16());
    let headers = error.headers().cloned().unwrap_or_else(HeaderMap::new);
    refusal::of_answer(status, &headers, body, key)
}
