-- The knowledge base: documents, their versions, the chunks they are cut into, and the outbox that the search index follows.
-- A scope is 'global' or 'project:<id>'.

create table kb_document (
  id text primary key,
  scope text not null,
  project_id text references project (id) on delete cascade,
  -- 'x:<external id>' or 'h:<hash>': what makes a document the same document when it is added again.
  identity text not null,
  external_id text,
  title text not null,
  uri text,
  collection text,
  form text not null,
  metadata text not null,
  version bigint not null,
  text_hash text not null,
  bytes bigint not null,
  chunks bigint not null,
  seq bigint not null,
  created_by text not null,
  created_ms bigint not null,
  updated_ms bigint not null,
  deleted_ms bigint
);
create unique index kb_document_identity on kb_document (scope, identity) where deleted_ms is null;

create table kb_version (
  document_id text not null references kb_document (id) on delete cascade,
  version bigint not null,
  scope text not null,
  text text not null,
  text_hash text not null,
  created_by text not null,
  created_ms bigint not null,
  primary key (document_id, version)
);

create table kb_chunk (
  id text primary key,
  document_id text not null references kb_document (id) on delete cascade,
  version bigint not null,
  scope text not null,
  ordinal bigint not null,
  byte_start bigint not null,
  byte_end bigint not null,
  line_start bigint not null,
  line_end bigint not null,
  heading_path text not null,
  text_hash text not null
);
create unique index kb_chunk_place on kb_chunk (document_id, version, ordinal);

create table kb_outbox (
  seq bigint primary key,
  scope text not null,
  document_id text not null,
  op text not null,
  created_ms bigint not null
);

-- 'seq' numbers the outbox in commit order; 'database' is a random number that tells this database from another.
create table kb_counter (
  name text primary key,
  value bigint not null
);
insert into kb_counter (name, value) values ('seq', 0);
