//! One attempt.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};

use super::{
    DeliveryState, Webhooks,
    sign::seconds,
    store::{Settled, Taken},
    verdict::{Verdict, problem},
};
use crate::base::{
    clock::Millis,
    outbound::{Answered, Receiver, Refused},
};

/// How long an attempt may take.
pub const ATTEMPT: Duration = Duration::from_secs(15);
/// A webhook that has only failed for so long is disabled when one more delivery has failed for good.
const HOPELESS_MS: Millis = 5 * 86_400_000;

/// The way to a webhook's URL, kept for deliveries that follow each other: connections stay open.
#[derive(Debug, Default)]
pub struct Way(Option<(String, Receiver)>);

impl Webhooks {
    /// Sends a delivery; what came of it.
    pub(super) async fn attempt(&self, taken: &Taken, way: &mut Way) -> Settled {
        let (webhook, delivery) = (&taken.webhook, &taken.delivery);
        let started = Instant::now();
        let result = match self.headers(taken) {
            Some(headers) => {
                let sent = tokio::time::timeout(ATTEMPT, self.send(taken, headers, way)).await;
                let sent = sent.unwrap_or(Err(Refused::TimedOut(ATTEMPT.as_secs())));
                sent.map_err(|refused| format!("the url {refused}"))
            }
            None => Err("the secret cannot be opened with this hub's key: rotate it".to_owned()),
        };
        if result.is_err() {
            *way = Way::default();
        }
        let duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = self.0.clock.now();
        let tries = usize::try_from(delivery.tries).unwrap_or(usize::MAX);
        let verdict = Verdict::of(&result, tries, &self.0.config.retry_s, draw);
        let (state, wait) = match verdict {
            Verdict::Delivered => (DeliveryState::Delivered, Duration::ZERO),
            Verdict::Again(wait) => (DeliveryState::Pending, wait),
            Verdict::Failed | Verdict::Gone => (DeliveryState::Failed, Duration::ZERO),
        };
        let failing = webhook.failing_since_ms.unwrap_or(now);
        let disable = match verdict {
            Verdict::Gone => Some("the receiver answered 410 Gone".to_owned()),
            Verdict::Failed if now - failing >= HOPELESS_MS => {
                let days = HOPELESS_MS / 86_400_000;
                Some(format!("every attempt has failed for {days} days"))
            }
            _ => None,
        };
        let status = result.as_ref().ok();
        let settled = Settled {
            webhook: webhook.id.clone(),
            delivery: delivery.id.clone(),
            state,
            next_ms: now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
            status: status.map(|answered| i64::from(answered.status.as_u16())),
            error: problem(&result),
            duration_ms,
            disable,
        };
        metrics::counter!("syndarix_webhook_deliveries_total", "outcome" => verdict.as_str())
            .increment(1);
        if let Some(error) = &settled.error {
            tracing::warn!(
                webhook = webhook.id,
                delivery = delivery.id,
                host = host(&webhook.url),
                attempt = delivery.attempts + 1,
                outcome = verdict.as_str(),
                disabled = settled.disable.is_some(),
                error,
                "a webhook was not delivered"
            );
        }
        settled
    }

    async fn send(
        &self,
        taken: &Taken,
        headers: HeaderMap,
        way: &mut Way,
    ) -> Result<Answered, Refused> {
        let url = &taken.webhook.url;
        let receiver = match way.0.take() {
            Some((known, receiver)) if known == *url => receiver,
            _ => Receiver::open(&self.0.config.allowed_private, url).await?,
        };
        let (_, receiver) = way.0.insert((url.clone(), receiver));
        receiver.post(headers, taken.delivery.body.clone()).await
    }

    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`; nothing without the secret.
    fn headers(&self, taken: &Taken) -> Option<HeaderMap> {
        let (id, body) = (&taken.delivery.id, &taken.delivery.body);
        let now = self.0.clock.now();
        let secrets = self.secrets(&taken.webhook, now)?;
        let signatures = secrets.iter().map(|secret| secret.sign(id, now, body));
        let signatures = signatures.collect::<Option<Vec<String>>>()?;
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", seconds(now).to_string()),
            ("webhook-signature", signatures.join(" ")),
        ] {
            headers.insert(name, HeaderValue::try_from(value).ok()?);
        }
        Some(headers)
    }
}

/// The host alone: paths and queries of webhooks hold secrets.
fn host(url: &str) -> String {
    let url: Option<http::Uri> = url.parse().ok();
    url.and_then(|url| Some(url.host()?.to_owned()))
        .unwrap_or_default()
}

/// A random number below `below`; 0 where the system gives none.
fn draw(below: u64) -> u64 {
    let mut bits = [0; 8];
    let drawn = getrandom::fill(&mut bits).map(|()| u64::from_le_bytes(bits));
    drawn.unwrap_or(0).checked_rem(below).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_the_log_has_the_host() {
        assert_eq!(
            host("https://example.com:8443/hook/s3cret?key=s3cret"),
            "example.com"
        );
        assert_eq!(host("no url"), "");
    }
}
