-- Issues: the tracker's current state, its history, comments, claims.

-- Per project: 'issue' numbers the issues, 'event' orders the history. Taken in the transaction, so neither has gaps.
create table issue_counter (
  project_id text not null references project (id) on delete cascade,
  name text not null,
  value bigint not null,
  primary key (project_id, name)
);

create table issue (
  id text primary key,
  project_id text not null references project (id) on delete cascade,
  number bigint not null,
  title text not null,
  body text not null,
  type text not null,
  priority bigint not null,
  state text not null,
  -- Copies of issue_label and issue_assignee, as JSON, so that a list needs one query.
  labels text not null,
  assignees text not null,
  comments bigint not null,
  version bigint not null,
  created_by text not null,
  created_ms bigint not null,
  updated_ms bigint not null,
  closed_ms bigint
);
create unique index issue_number on issue (project_id, number);
create index issue_updated on issue (project_id, updated_ms, number);
create index issue_state on issue (project_id, state, priority, number);

create table issue_label (
  issue_id text not null references issue (id) on delete cascade,
  project_id text not null,
  label text not null,
  primary key (issue_id, label)
);
create index issue_label_name on issue_label (project_id, label, issue_id);

create table issue_assignee (
  issue_id text not null references issue (id) on delete cascade,
  project_id text not null,
  agent_id text not null,
  primary key (issue_id, agent_id)
);
create index issue_assignee_agent on issue_assignee (project_id, agent_id, issue_id);

create table issue_comment (
  id text primary key,
  project_id text not null,
  issue_id text not null references issue (id) on delete cascade,
  author text not null,
  body text not null,
  reply_to text,
  created_ms bigint not null
);
create index issue_comment_issue on issue_comment (issue_id, id);

create table issue_event (
  project_id text not null references project (id) on delete cascade,
  seq bigint not null,
  issue_id text not null references issue (id) on delete cascade,
  number bigint not null,
  agent_id text not null,
  field text not null,
  old text,
  new text,
  at_ms bigint not null,
  primary key (project_id, seq)
);
create index issue_event_issue on issue_event (issue_id, seq);

-- One row an issue, kept after release: the epoch only ever grows. A claim is live while expires_ms lies ahead; one that
-- is held though it has expired was abandoned, and its issue is ready again.
create table issue_claim (
  issue_id text primary key references issue (id) on delete cascade,
  project_id text not null,
  agent_id text not null,
  epoch bigint not null,
  token_hash text not null,
  claimed_ms bigint not null,
  expires_ms bigint not null,
  held boolean not null
);
create index issue_claim_held on issue_claim (project_id, expires_ms) where held;

-- What was answered to a call with an idempotency key. The key itself is kept as a hash only.
create table issue_idempotency (
  project_id text not null references project (id) on delete cascade,
  agent_id text not null,
  tool text not null,
  key_hash text not null,
  body_hash text not null,
  answer text not null,
  created_ms bigint not null,
  primary key (project_id, agent_id, tool, key_hash)
);
