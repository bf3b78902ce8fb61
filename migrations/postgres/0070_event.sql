-- What changed, in order: kept for those who follow it, and for those who come back after a while.
create table event (
  seq bigint generated always as identity primary key,
  -- Given by the hub that tells it: an event may be written twice.
  id text not null unique,
  hub text not null,
  at_ms bigint not null,
  project_id text not null,
  server text not null,
  action text not null,
  -- Who changed it.
  agent_id text,
  -- In whose workspace, where each agent has its own.
  owner_id text,
  path text not null,
  below bigint not null,
  call_id text
);
create index event_by_project on event (project_id, seq);
