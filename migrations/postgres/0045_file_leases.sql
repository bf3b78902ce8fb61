-- Paths of a repository that an agent has claimed for itself.
create table fs_lease (
  project_id text not null references project (id) on delete cascade,
  repo text not null,
  path text not null,
  agent_id text not null,
  purpose text,
  expires_ms bigint not null,
  primary key (project_id, repo, path)
);
