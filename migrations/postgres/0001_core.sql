-- Projects, agents, members, service tokens, and the audit log.
create table project (
  id text primary key,
  name text not null,
  created_ms bigint not null
);

create table agent (
  id text primary key,
  name text not null,
  created_ms bigint not null
);

create table member (
  project_id text not null references project (id) on delete cascade,
  agent_id text not null references agent (id) on delete cascade,
  created_ms bigint not null,
  primary key (project_id, agent_id)
);

create table token (
  id text primary key,
  name text not null,
  hash text not null unique,
  projects text not null,
  agents text not null,
  scopes text not null,
  created_ms bigint not null,
  expires_ms bigint,
  revoked_ms bigint,
  last_used_ms bigint
);

create table audit (
  id text primary key,
  started_ms bigint not null,
  duration_us bigint,
  principal_id text not null,
  project_id text not null,
  agent_id text not null,
  server text not null,
  tool text not null,
  access text not null,
  origin text not null,
  parent_id text,
  request_id text,
  outcome text not null,
  code text,
  arguments text
);

create index audit_by_time on audit (started_ms, id);
create index audit_by_project on audit (project_id, started_ms, id);
create index audit_unsettled on audit (outcome) where outcome = 'started';
