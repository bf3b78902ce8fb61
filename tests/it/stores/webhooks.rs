//! Webhooks on two hubs: each event once and in order, by one hub at a time, by the schedule, and what they forget.

use serde_json::json;
use syndarix::{
    base::{clock::Clock, ids::ProjectId, seal::Seal},
    db::{Db, DbError},
    on_db, on_tx,
    project::Projects,
    tool::{
        Cause, Change, Changes, Delivery, DeliveryState, EventsConfig, Happened, NewWebhook,
        Outbox, ServerId, Webhook, WebhookChange, Webhooks, WebhooksConfig,
    },
};
use tokio_util::sync::CancellationToken;

use crate::support::{Receiver, eventually};

const DAY: i64 = 86_400_000;

/// One of two hubs on a database.
struct OneHub {
    changes: Changes,
    webhooks: Webhooks,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

struct World {
    db: Db,
    clock: Clock,
    project: ProjectId,
    receiver: Receiver,
}

pub async fn suite(db: Db) {
    let clock = Clock::manual(100 * DAY);
    let project = ProjectId::new("p").unwrap();
    let projects = Projects::new(db.clone(), clock.clone());
    projects.create_project(&project, "P").await.unwrap();
    let receiver = Receiver::start().await;
    let world = World {
        db,
        clock,
        project,
        receiver,
    };
    world.two_hubs_deliver_each_event_once_and_in_order().await;
    world.a_dead_hubs_lease_ends().await;
    world
        .what_fails_comes_again_when_it_is_due_and_hopeless_webhooks_end()
        .await;
    world.what_is_old_is_forgotten().await;
    world
        .events_wait_where_they_are_while_too_much_is_under_way()
        .await;
    world.with_another_key_nothing_is_sent_unsigned().await;
}

impl World {
    async fn hub(&self) -> OneHub {
        self.hub_with_key(1).await
    }

    async fn hub_with_key(&self, key: u8) -> OneHub {
        let dir = tempfile::tempdir().unwrap();
        let (db, clock) = (&self.db, &self.clock);
        let kept = EventsConfig::default();
        let outbox = Outbox::open(db.clone(), dir.path(), clock, &kept)
            .await
            .unwrap();
        let changes = Changes::kept(outbox.clone());
        let config = WebhooksConfig {
            allowed_private: vec![self.receiver.at.clone()],
            retry_s: vec![5, 300],
            ..WebhooksConfig::default()
        };
        let seal = Seal::derived(&[key; 32], "webhooks").unwrap();
        let webhooks = Webhooks::new(
            db.clone(),
            clock.clone(),
            seal,
            outbox.clone(),
            &config,
            vec!["create_issue", "git_push"],
        );
        let stop = CancellationToken::new();
        tokio::spawn(outbox.follow(changes.clone(), stop.clone()));
        tokio::spawn(webhooks.clone().run(stop.clone()));
        OneHub {
            changes,
            webhooks,
            stop,
            _dir: dir,
        }
    }

    async fn webhook(&self, hub: &OneHub) -> Webhook {
        let wanted = json!({"url": self.receiver.url(), "filter": {"servers": ["issues"]}});
        let wanted: NewWebhook = serde_json::from_value(wanted).unwrap();
        hub.webhooks.create(&self.project, wanted).await.unwrap().0
    }

    fn tell(&self, hub: &OneHub, server: ServerId, path: &str) {
        hub.changes.tell(Change {
            project: Some(self.project.clone()),
            agent: None,
            path: path.to_owned(),
            below: false,
            cause: Cause::of(server, Happened::Run),
        });
    }

    async fn deliveries(&self, hub: &OneHub, id: &str, state: DeliveryState) -> Vec<Delivery> {
        let found = hub
            .webhooks
            .deliveries(&self.project, id, Some(state), None, 200);
        found.await.unwrap()
    }

    async fn settled(
        &self,
        hub: &OneHub,
        id: &str,
        state: DeliveryState,
        count: usize,
    ) -> Delivery {
        eventually(&format!("{count} {state:?}"), || async {
            self.deliveries(hub, id, state).await.len() == count
        })
        .await;
        self.deliveries(hub, id, state).await.remove(0)
    }

    /// A change of nothing, which makes a hub look again: its clock stands still.
    async fn wake(&self, hub: &OneHub, id: &str) {
        let nothing = WebhookChange::default();
        hub.webhooks
            .update(&self.project, id, nothing)
            .await
            .unwrap();
    }

    async fn write(&self, sql: &'static str, value: i64) {
        let written = self.db.write(move |mut tx| {
            Box::pin(async move {
                on_tx!(tx, c => sqlx::query(sql).bind(value).execute(&mut **c).await.map(|_| ()))?;
                Ok::<_, DbError>(())
            })
        });
        written.await.unwrap();
    }

    async fn two_hubs_deliver_each_event_once_and_in_order(&self) {
        let (one, other) = (self.hub().await, self.hub().await);
        self.tell(&one, ServerId::Issues, "issues/before");
        eventually("the event", || async {
            on_db!(&self.db, pool => sqlx::query_scalar::<_, i64>("select count(*) from event").fetch_one(pool).await).unwrap() == 1
        })
        .await;
        let webhook = self.webhook(&one).await;
        for n in 0..40 {
            let hub = if n % 2 == 0 { &one } else { &other };
            self.tell(hub, ServerId::Issues, &format!("issues/{n}"));
            self.tell(hub, ServerId::Git, "git");
        }
        self.receiver.wait(40).await;
        self.settled(&one, &webhook.id, DeliveryState::Delivered, 40)
            .await;
        let posted = self.receiver.posted();
        assert_eq!(posted.len(), 40, "none twice");
        let places: Vec<i64> = posted
            .iter()
            .map(|posted| posted.json()["data"]["id"].as_i64().unwrap())
            .collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        assert_eq!(posted[0].json()["type"], "issues.run");
        one.stop.cancel();
        other.stop.cancel();
        one.webhooks
            .delete(&self.project, &webhook.id)
            .await
            .unwrap();
        assert!(one.webhooks.get(&self.project, &webhook.id).await.is_err());
        let left: i64 =
            on_db!(&self.db, pool => sqlx::query_scalar("select count(*) from webhook_delivery")
            .fetch_one(pool).await)
            .unwrap();
        assert_eq!(left, 0);
    }

    async fn a_dead_hubs_lease_ends(&self) {
        let hub = self.hub().await;
        let webhook = self.webhook(&hub).await;
        // Only now: a hub that starts on a database of its own frees what it finds.
        eventually("the hub at work", || async {
            hub.webhooks.ping(&self.project, &webhook.id).await.unwrap();
            !self
                .deliveries(&hub, &webhook.id, DeliveryState::Delivered)
                .await
                .is_empty()
        })
        .await;
        eventually("all pings", || async {
            self.deliveries(&hub, &webhook.id, DeliveryState::Pending)
                .await
                .is_empty()
        })
        .await;
        let before = self.receiver.posted().len();
        let sql = "update webhook set lease_owner = 'dead', lease_until_ms = $1";
        let until = self.clock.now() + 30_000;
        self.write(sql, until).await;
        hub.webhooks.ping(&self.project, &webhook.id).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(self.receiver.posted().len(), before, "it is another's");
        self.clock.advance(30_000);
        self.receiver.wait(before + 1).await;
        hub.stop.cancel();
        hub.webhooks
            .delete(&self.project, &webhook.id)
            .await
            .unwrap();
    }

    async fn what_fails_comes_again_when_it_is_due_and_hopeless_webhooks_end(&self) {
        let hub = self.hub().await;
        let webhook = self.webhook(&hub).await;
        let before = self.receiver.posted().len();
        self.receiver.answer(500, None);
        self.receiver
            .answer(503, Some(("retry-after", "1000".to_owned())));
        self.tell(&hub, ServerId::Issues, "issues/1");
        let first = self.receiver.wait(before + 1).await;
        let attempts = |count: i64| {
            let (hub, webhook) = (&hub, &webhook);
            async move {
                eventually("the attempt on record", || async {
                    let found = self
                        .deliveries(hub, &webhook.id, DeliveryState::Pending)
                        .await;
                    found.first().is_some_and(|found| found.attempts == count)
                })
                .await;
                self.deliveries(hub, &webhook.id, DeliveryState::Pending)
                    .await
                    .remove(0)
            }
        };
        let waiting = attempts(1).await;
        let wait = waiting.next_attempt_ms.unwrap() - self.clock.now();
        assert!((5000..=5500).contains(&wait), "{wait}");
        assert_eq!(waiting.last_status, Some(500));
        self.clock.advance(wait - 1);
        self.wake(&hub, &webhook.id).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(self.receiver.posted().len(), before + 1, "not yet");
        self.clock.advance(1);
        self.wake(&hub, &webhook.id).await;
        let both = self.receiver.wait(before + 2).await;
        assert_eq!(both[before + 1].id(), first[before].id());
        assert_eq!(both[before + 1].body, first[before].body);
        let waiting = attempts(2).await;
        assert_eq!(
            waiting.next_attempt_ms.unwrap() - self.clock.now(),
            1_000_000
        );
        let failing = hub.webhooks.get(&self.project, &webhook.id).await.unwrap();
        assert!(failing.failing_since_ms.is_some());

        // It fails on, for days.
        self.receiver.answer(500, None);
        self.clock.advance(5 * DAY);
        self.wake(&hub, &webhook.id).await;
        eventually("the end", || async {
            !hub.webhooks
                .get(&self.project, &webhook.id)
                .await
                .unwrap()
                .enabled
        })
        .await;
        let ended = hub.webhooks.get(&self.project, &webhook.id).await.unwrap();
        assert!(ended.disabled_reason.unwrap().contains("5 days"));
        let sent = self.receiver.posted().len();
        self.tell(&hub, ServerId::Issues, "issues/meanwhile");
        // Enabled again, it is not sent what happened meanwhile; what failed is sent when that is asked for.
        self.clock.advance(DAY);
        eventually("the event", || async {
            on_db!(&self.db, pool => sqlx::query_scalar::<_, i64>("select count(*) from event where path = 'issues/meanwhile'")
                .fetch_one(pool).await).unwrap() > 0
        })
        .await;
        let enable = WebhookChange {
            enabled: Some(true),
            ..WebhookChange::default()
        };
        hub.webhooks
            .update(&self.project, &webhook.id, enable)
            .await
            .unwrap();
        let failed = self
            .settled(&hub, &webhook.id, DeliveryState::Failed, 1)
            .await;
        let again = hub
            .webhooks
            .redeliver(&self.project, &webhook.id, &failed.id);
        assert_eq!(again.await.unwrap().attempts, 3);
        let all = self.receiver.wait(sent + 1).await;
        assert_eq!(all[sent].id(), first[before].id());
        let done = self
            .settled(&hub, &webhook.id, DeliveryState::Delivered, 1)
            .await;
        assert_eq!(
            (done.attempts, done.last_error, done.next_attempt_ms),
            (4, None, None)
        );
        let well = hub.webhooks.get(&self.project, &webhook.id).await.unwrap();
        assert_eq!((well.failing_since_ms, well.disabled_reason), (None, None));
        assert_eq!(self.receiver.posted().len(), sent + 1);
        hub.stop.cancel();
    }

    async fn what_is_old_is_forgotten(&self) {
        let count = async || -> i64 {
            let sql = "select count(*) from webhook_delivery";
            on_db!(&self.db, pool => sqlx::query_scalar(sql).fetch_one(pool).await).unwrap()
        };
        assert_eq!(count().await, 1);
        let sql = "insert into webhook_delivery (id, webhook_id, type, body, state, attempts, tries, next_ms, created_ms, \
                   updated_ms) select 'msg_waits', id, 'ping', '{}', 'pending', 0, 0, $1, 0, 0 from webhook";
        let later = self.clock.now() + 100 * DAY;
        self.write(sql, later).await;
        self.clock.advance(8 * DAY);
        // A hub that starts sweeps.
        let hub = self.hub().await;
        eventually("only what waits", || async { count().await == 1 }).await;
        let sql = "select id from webhook_delivery";
        let left: String =
            on_db!(&self.db, pool => sqlx::query_scalar(sql).fetch_one(pool).await).unwrap();
        assert_eq!(left, "msg_waits");
        hub.stop.cancel();
    }

    async fn events_wait_where_they_are_while_too_much_is_under_way(&self) {
        let hub = self.hub().await;
        let webhook = self.webhook(&hub).await;
        let sql = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000) \
                   insert into webhook_delivery (id, webhook_id, type, body, state, attempts, tries, next_ms, created_ms, \
                   updated_ms) select 'msg_' || n.i, w.id, 'ping', '{}', 'pending', 0, 0, $1, 0, 0 from n, webhook w \
                   where w.created_ms = (select max(created_ms) from webhook)";
        self.write(sql, self.clock.now() + DAY).await;
        let before = self.receiver.posted().len();
        self.tell(&hub, ServerId::Issues, "issues/waits");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        self.wake(&hub, &webhook.id).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        // The other webhook is sent it.
        assert_eq!(self.receiver.posted().len(), before + 1);
        self.write(
            "delete from webhook_delivery where id = 'msg_7' and $1 = 0",
            0,
        )
        .await;
        self.wake(&hub, &webhook.id).await;
        let all = self.receiver.wait(before + 2).await;
        assert_eq!(all[before + 1].json()["data"]["path"], "issues/waits");
        hub.stop.cancel();
        hub.webhooks
            .delete(&self.project, &webhook.id)
            .await
            .unwrap();
    }

    async fn with_another_key_nothing_is_sent_unsigned(&self) {
        let hub = self.hub().await;
        let webhook = self.webhook(&hub).await;
        hub.stop.cancel();
        let before = self.receiver.posted().len();
        let foreign = self.hub_with_key(2).await;
        foreign
            .webhooks
            .ping(&self.project, &webhook.id)
            .await
            .unwrap();
        eventually("the problem", || async {
            let found = self
                .deliveries(&foreign, &webhook.id, DeliveryState::Pending)
                .await;
            let problem = found.first().and_then(|found| found.last_error.clone());
            problem.is_some_and(|problem| problem.contains("rotate"))
        })
        .await;
        assert_eq!(self.receiver.posted().len(), before);
        foreign.stop.cancel();
    }
}
