-- The keys that sign a project's commits: the private half sealed with the hub's key and bound to this row, and gone once another
-- key took over; the public half stays, so that older commits can be checked.
create table git_signing_key (
  project_id text not null references project (id) on delete cascade,
  fingerprint text not null,
  public_key text not null,
  sealed text,
  created_by text not null,
  created_ms bigint not null,
  retired_ms bigint,
  primary key (project_id, fingerprint)
);
