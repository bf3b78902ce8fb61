-- Requests with an Idempotency-Key, and what they were answered, sealed: for a day.
create table idempotency (
  -- A keyed hash of who asked for what with which key.
  id text primary key,
  -- A keyed hash of what was sent.
  content text not null,
  request_id text not null,
  -- Nothing while the request is being worked on.
  status bigint,
  -- Nothing where the answer was too large to be kept.
  answer text,
  -- When whoever works on it has to have answered.
  lease_ms bigint not null,
  expires_ms bigint not null
);

create index idempotency_by_expiry on idempotency (expires_ms);
