-- git: pull requests, their reviews, rules of protected branches, what checks said of commits.

-- Numbers of a repository's pull requests, taken in the transaction: no gaps.
create table git_counter (
  project_id text not null references project (id) on delete cascade,
  repo text not null,
  value bigint not null,
  primary key (project_id, repo)
);

create table git_pull_request (
  project_id text not null references project (id) on delete cascade,
  repo text not null,
  number bigint not null,
  title text not null,
  body text not null,
  state text not null,
  draft boolean not null,
  source text not null,
  target text not null,
  author text not null,
  -- The commit that a merge is about to put on the target, noted before the branch moves.
  landing text,
  merge_commit text,
  merge_method text,
  merged_by text,
  -- Of a closed one: the two ends as they were, so that its changes can still be shown.
  head text,
  base text,
  version bigint not null,
  created_ms bigint not null,
  updated_ms bigint not null,
  closed_ms bigint,
  primary key (project_id, repo, number)
);
create unique index git_pull_request_open on git_pull_request (project_id, repo, source, target) where state = 'open';
create index git_pull_request_updated on git_pull_request (project_id, repo, updated_ms, number);

create table git_review (
  id text primary key,
  project_id text not null,
  repo text not null,
  number bigint not null,
  agent text not null,
  verdict text not null,
  body text not null,
  -- The source's commit that was looked at.
  head text not null,
  created_ms bigint not null,
  foreign key (project_id, repo, number) references git_pull_request (project_id, repo, number) on delete cascade
);
create index git_review_of on git_review (project_id, repo, number, id);

-- What a review says of a line.
create table git_review_comment (
  id text primary key,
  review_id text not null references git_review (id) on delete cascade,
  path text not null,
  line bigint,
  body text not null
);
create index git_review_comment_of on git_review_comment (review_id, id);

create table git_branch_rule (
  project_id text not null references project (id) on delete cascade,
  repo text not null,
  pattern text not null,
  approvals bigint not null,
  -- Contexts of git_commit_status that must be a success: a JSON list.
  checks text not null,
  updated_by text not null,
  updated_ms bigint not null,
  primary key (project_id, repo, pattern)
);

create table git_commit_status (
  project_id text not null references project (id) on delete cascade,
  repo text not null,
  commit_id text not null,
  context text not null,
  state text not null,
  description text not null,
  reported_by text not null,
  updated_ms bigint not null,
  primary key (project_id, repo, commit_id, context)
);

-- Repositories elsewhere, by the names that a repository gives them.
create table git_remote (
  project_id text not null references project (id) on delete cascade,
  repo text not null,
  name text not null,
  url text not null,
  credential text,
  updated_by text not null,
  updated_ms bigint not null,
  primary key (project_id, repo, name)
);

-- What opens them: sealed with the hub's key, and bound to this row.
create table git_credential (
  project_id text not null references project (id) on delete cascade,
  name text not null,
  host text not null,
  username text not null,
  sealed text not null,
  updated_by text not null,
  updated_ms bigint not null,
  primary key (project_id, name)
);
