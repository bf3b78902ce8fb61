-- Where the events of a project are sent, and what came of each.
create table webhook (
  id text primary key,
  project_id text not null references project (id) on delete cascade,
  url text not null,
  description text not null,
  -- Which events, as JSON.
  filter text not null,
  enabled boolean not null,
  -- Why the hub disabled it.
  disabled_reason text,
  -- Sealed. The one before it signs too, until old_until_ms.
  secret text not null,
  old_secret text,
  old_until_ms bigint,
  -- The last event that was looked at: it moves in one transaction with the deliveries that come of it.
  seen bigint not null,
  -- Since when every attempt has failed.
  failing_since_ms bigint,
  created_ms bigint not null,
  updated_ms bigint not null,
  -- The hub that delivers.
  lease_owner text,
  lease_until_ms bigint not null
);
create index webhook_by_project on webhook (project_id, id);

create table webhook_delivery (
  id text primary key,
  webhook_id text not null references webhook (id) on delete cascade,
  -- The event's place; none of a ping.
  event_seq bigint,
  type text not null,
  body text not null,
  state text not null,
  attempts bigint not null,
  -- How far it is in the schedule of attempts.
  tries bigint not null,
  next_ms bigint not null,
  -- Of the last attempt.
  status bigint,
  error text,
  duration_ms bigint,
  created_ms bigint not null,
  updated_ms bigint not null,
  unique (webhook_id, event_seq)
);
create index webhook_delivery_pending on webhook_delivery (webhook_id, next_ms) where state = 'pending';
create index webhook_delivery_due on webhook_delivery (next_ms) where state = 'pending';
create index webhook_delivery_log on webhook_delivery (webhook_id, id);
