//! Making deliveries of events.

use super::{
    WebhookFilter, Webhooks,
    message::Message,
    store::{self, Behind, NewDelivery},
};
use crate::{
    base::ids::{ProjectId, new_id},
    tool::{EventFilter, ToolError},
};

/// Events that are looked at together.
const BATCH: u32 = 200;
/// Deliveries that wait for one webhook. What comes on top waits among the events.
const MOST_WAITING: i64 = 1000;

impl Webhooks {
    /// Makes deliveries of events up to `newest`, for each webhook a batch at most and as far as there is room; whether there may
    /// be more.
    pub(super) async fn gather(&self, newest: i64) -> Result<bool, ToolError> {
        let mut moved = false;
        for webhook in store::behind(&self.0.db, newest, MOST_WAITING).await? {
            match serde_json::from_str(&webhook.filter) {
                Ok(filter) => moved |= self.fan_out(&webhook, &filter, newest).await?,
                Err(error) => {
                    tracing::warn!(webhook = webhook.id, %error, "a webhook's filter cannot be read: set it again");
                }
            }
        }
        Ok(moved)
    }

    /// Makes deliveries of the next events that `webhook` has before it; whether it moved on.
    async fn fan_out(
        &self,
        webhook: &Behind,
        filter: &WebhookFilter,
        newest: i64,
    ) -> Result<bool, ToolError> {
        let project = ProjectId::new(&webhook.project_id).map_err(ToolError::internal)?;
        let horizon = self.0.outbox.horizon().await?;
        if webhook.seen < horizon {
            tracing::warn!(
                webhook = webhook.id,
                "events were deleted before this webhook came to them: events.retention_days is too short for how long nothing was sent"
            );
        }
        let all = EventFilter::default();
        let outbox = &self.0.outbox;
        let events = outbox.since(&project, &all, webhook.seen, BATCH).await?;
        let full = events.len() >= BATCH as usize;
        let last = events.last().map_or(newest, |last| last.seq);
        let to = if full { last } else { last.max(newest) };
        let mut new = Vec::new();
        for event in events.into_iter().filter(|event| filter.lets(event)) {
            let seq = event.seq;
            let message = Message::of(event).map_err(ToolError::internal)?;
            new.push(NewDelivery {
                id: new_id("msg"),
                event_seq: Some(seq),
                kind: message.kind,
                body: message.body,
            });
        }
        let now = self.0.clock.now();
        Ok(store::fan_out(&self.0.db, &webhook.id, webhook.seen, to, new, now).await?)
    }
}
