//! What administrators do with webhooks. One of another project is not there.

use std::time::Duration;

use super::{
    Delivery, DeliveryState, NewWebhook, SecretRotation, Webhook, WebhookChange, WebhookFilter,
    WebhookSecret, Webhooks,
    message::Message,
    store::{self, NewDelivery, Row},
};
use crate::{
    base::{
        clock::Millis,
        ids::{ProjectId, new_id},
        outbound::{Receiver, Refused},
    },
    tool::ToolError,
};

/// Most webhooks of one project.
const MOST: i64 = 50;
/// How long a URL's host is looked up before it is believed, for now.
const LOOK_UP: Duration = Duration::from_secs(5);
/// Seconds that a secret signs after its rotation, unless that says otherwise.
const GRACE_S: u32 = 86_400;
/// The longest that may be said.
const MAX_GRACE_S: u32 = 7 * 86_400;

impl Webhooks {
    /// Makes a webhook. Its secret is returned in the clear this one time.
    pub async fn create(
        &self,
        project: &ProjectId,
        wanted: NewWebhook,
    ) -> Result<(Webhook, WebhookSecret), ToolError> {
        let checked = WebhookChange {
            url: Some(wanted.url),
            description: Some(wanted.description),
            filter: Some(wanted.filter),
            enabled: Some(wanted.enabled),
        };
        let change = self.checked(checked).await?;
        let (id, now) = (new_id("whk"), self.0.clock.now());
        let secret = WebhookSecret::generate().map_err(|e| ToolError::internal(e.to_string()))?;
        let row = Row {
            secret: self.seal(&id, &secret)?,
            id,
            project_id: project.to_string(),
            url: change.url.unwrap_or_default(),
            description: change.description.unwrap_or_default(),
            filter: change.filter.unwrap_or_default(),
            enabled: change.enabled.unwrap_or_default(),
            disabled_reason: None,
            old_secret: None,
            old_until_ms: None,
            failing_since_ms: None,
            created_ms: now,
            updated_ms: now,
        };
        if !store::insert(&self.0.db, row.clone(), MOST).await? {
            let message = format!("the project has {MOST} webhooks already: delete one first");
            return Err(ToolError::conflict(message));
        }
        Ok((row.into(), secret))
    }

    /// Webhooks of a project by id, after `after`.
    pub async fn list(
        &self,
        project: &ProjectId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Webhook>, ToolError> {
        let after = after.unwrap_or_default();
        let rows = store::list(&self.0.db, project.as_str(), after, limit).await?;
        Ok(rows.into_iter().map(Webhook::from).collect())
    }

    /// A webhook of the project.
    pub async fn get(&self, project: &ProjectId, id: &str) -> Result<Webhook, ToolError> {
        let row = store::find(&self.0.db, project.as_str(), id).await?;
        Ok(row.ok_or_else(|| gone(id))?.into())
    }

    /// Changes a webhook of the project.
    pub async fn update(
        &self,
        project: &ProjectId,
        id: &str,
        change: WebhookChange,
    ) -> Result<Webhook, ToolError> {
        self.get(project, id).await?;
        let change = self.checked(change).await?;
        let now = self.0.clock.now();
        let row = store::update(&self.0.db, project.as_str(), id, change, now).await?;
        self.0.wake.notify_one();
        Ok(row.ok_or_else(|| gone(id))?.into())
    }

    /// Deletes a webhook of the project, with the log of its deliveries.
    pub async fn delete(&self, project: &ProjectId, id: &str) -> Result<(), ToolError> {
        let deleted = store::delete(&self.0.db, project.as_str(), id).await?;
        deleted.then_some(()).ok_or_else(|| gone(id))
    }

    /// Gives a webhook of the project another secret, which is returned in the clear this one time.
    pub async fn rotate(
        &self,
        project: &ProjectId,
        id: &str,
        wanted: &SecretRotation,
    ) -> Result<(Webhook, WebhookSecret), ToolError> {
        let grace = wanted.grace_s.unwrap_or(GRACE_S);
        if grace > MAX_GRACE_S {
            let problem = format!("must be 0 to {MAX_GRACE_S}");
            return Err(ToolError::invalid("/grace_s", problem));
        }
        let now = self.0.clock.now();
        let until = (grace > 0).then_some(now + i64::from(grace) * 1000);
        let secret = WebhookSecret::generate().map_err(|e| ToolError::internal(e.to_string()))?;
        let sealed = self.seal(id, &secret)?;
        let row = store::rotate(&self.0.db, project.as_str(), id, sealed, until, now).await?;
        Ok((row.ok_or_else(|| gone(id))?.into(), secret))
    }

    /// Sends a webhook of the project a test.
    pub async fn ping(&self, project: &ProjectId, id: &str) -> Result<Delivery, ToolError> {
        self.enabled(project, id).await?;
        let now = self.0.clock.now();
        let message = Message::ping(project.as_str(), id, now).map_err(ToolError::internal)?;
        let delivery = new_id("msg");
        let new = NewDelivery {
            id: delivery.clone(),
            event_seq: None,
            kind: message.kind,
            body: message.body,
        };
        store::insert_delivery(&self.0.db, id, new, now).await?;
        self.0.wake.notify_one();
        self.delivery(id, &delivery).await
    }

    /// Deliveries of a webhook of the project, newest first, before `before`.
    pub async fn deliveries(
        &self,
        project: &ProjectId,
        id: &str,
        state: Option<DeliveryState>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Delivery>, ToolError> {
        self.get(project, id).await?;
        let rows = store::deliveries(&self.0.db, id, None, state, before, limit).await?;
        Ok(rows.into_iter().map(Delivery::from).collect())
    }

    /// Begins a delivery of a webhook of the project anew.
    pub async fn redeliver(
        &self,
        project: &ProjectId,
        id: &str,
        delivery: &str,
    ) -> Result<Delivery, ToolError> {
        self.enabled(project, id).await?;
        let row = store::redeliver(&self.0.db, id, delivery, self.0.clock.now()).await?;
        self.0.wake.notify_one();
        Ok(row.ok_or_else(|| no_delivery(delivery))?.into())
    }

    async fn delivery(&self, webhook: &str, id: &str) -> Result<Delivery, ToolError> {
        let rows = store::deliveries(&self.0.db, webhook, Some(id), None, None, 1).await?;
        let row = rows.into_iter().next();
        Ok(row.ok_or_else(|| no_delivery(id))?.into())
    }

    async fn enabled(&self, project: &ProjectId, id: &str) -> Result<(), ToolError> {
        if self.get(project, id).await?.enabled {
            return Ok(());
        }
        Err(ToolError::conflict(
            "the webhook is disabled: enable it first",
        ))
    }

    /// What is to be stored of `change`, once it is found in order.
    async fn checked(&self, change: WebhookChange) -> Result<store::Change, ToolError> {
        change.check(&self.0.tools)?;
        if let Some(url) = &change.url {
            let opened = Receiver::open(&self.0.config.allowed_private, url);
            match tokio::time::timeout(LOOK_UP, opened).await {
                // A receiver that cannot be found now may be later.
                Ok(Ok(_) | Err(Refused::Unreachable(_))) | Err(_) => {}
                Ok(Err(refused)) => return Err(ToolError::invalid("/url", refused.to_string())),
            }
        }
        let json = |filter: WebhookFilter| serde_json::to_string(&filter);
        Ok(store::Change {
            url: change.url,
            description: change.description,
            filter: change
                .filter
                .map(json)
                .transpose()
                .map_err(ToolError::internal)?,
            enabled: change.enabled,
        })
    }

    fn seal(&self, id: &str, secret: &WebhookSecret) -> Result<String, ToolError> {
        let sealed = self.0.seal.seal(secret.reveal(), &bound(id));
        sealed.map_err(ToolError::internal)
    }

    /// The secrets that sign what is sent at `now`; nothing where they cannot be opened.
    pub(super) fn secrets(&self, webhook: &Row, now: Millis) -> Option<Vec<WebhookSecret>> {
        let old = webhook.old_until_ms.is_some_and(|until| now < until);
        let old = webhook.old_secret.as_ref().filter(|_| old);
        let open = |sealed: &String| self.0.seal.open(sealed, &bound(&webhook.id)).ok();
        let opened = std::iter::once(&webhook.secret).chain(old).map(open);
        opened
            .map(|text| text.map(WebhookSecret::from_text))
            .collect()
    }
}

/// What a secret is sealed for.
fn bound(id: &str) -> String {
    format!("webhook {id}")
}

fn gone(id: &str) -> ToolError {
    ToolError::not_found("webhook", id)
}

fn no_delivery(id: &str) -> ToolError {
    ToolError::not_found("delivery", id)
        .hint("it is unknown, or older than webhooks.retention_days")
}
