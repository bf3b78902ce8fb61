-- Runs of workflows: a run has jobs, a job has steps.
create table cicd_run (
  id text primary key,
  project_id text not null references project (id) on delete cascade,
  agent_id text not null,
  number bigint not null,
  workflow text not null,
  name text,
  repo text,
  revision text,
  commit_id text,
  status text not null,
  message text,
  cancel_requested boolean not null default false,
  idempotency_key text,
  request_hash text not null,
  owner text not null,
  lease_ms bigint not null,
  queued_ms bigint not null,
  started_ms bigint,
  ended_ms bigint
);

create unique index cicd_run_by_key on cicd_run (project_id, agent_id, idempotency_key);
create index cicd_run_by_project on cicd_run (project_id, queued_ms, id);
create index cicd_run_live on cicd_run (lease_ms) where status in ('queued', 'running');

create table cicd_job (
  run_id text not null references cicd_run (id) on delete cascade,
  position bigint not null,
  job_id text not null,
  name text,
  needs text not null,
  status text not null,
  message text,
  started_ms bigint,
  ended_ms bigint,
  primary key (run_id, position)
);

create table cicd_step (
  run_id text not null references cicd_run (id) on delete cascade,
  job_position bigint not null,
  position bigint not null,
  step_id text,
  title text not null,
  status text not null,
  exit_code bigint,
  signal bigint,
  timed_out boolean not null default false,
  message text,
  outputs text,
  started_ms bigint,
  ended_ms bigint,
  primary key (run_id, job_position, position)
);
