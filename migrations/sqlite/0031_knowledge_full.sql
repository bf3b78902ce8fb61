-- The knowledge base in full: where documents come from, what they are about, vectors, jobs and memories.

-- 'form' is also the kind of a document: markdown, text, html, pdf, docx, code or memory.
alter table kb_document add column language text;
-- The path that filters match: relative to the source.
alter table kb_document add column path text;
-- A JSON list of words.
alter table kb_document add column tags text not null default '[]';
alter table kb_document add column source_id text;
-- Hash of the bytes that were read, before text was taken out of them: unchanged bytes are not read again.
alter table kb_document add column content_hash text;
create index kb_document_source on kb_document (source_id, external_id) where source_id is not null;
create index kb_document_scope on kb_document (scope, id) where deleted_ms is null;

alter table kb_chunk add column symbol text;
alter table kb_chunk add column tokens bigint not null default 0;
-- Hash of the passage that was embedded for it: its row in kb_embedding. Nothing until that was done.
alter table kb_chunk add column passage_hash text;
create index kb_chunk_passage on kb_chunk (scope, passage_hash) where passage_hash is not null;
create index kb_chunk_text on kb_chunk (scope, text_hash);

-- A folder or repository that is followed by sync_source.
create table kb_source (
  id text primary key,
  scope text not null,
  project_id text references project (id) on delete cascade,
  locator text not null,
  -- What was asked for: a JSON object.
  settings text not null,
  -- What the last complete listing was of, e.g. a commit.
  revision text,
  created_by text not null,
  created_ms bigint not null,
  synced_ms bigint
);
create unique index kb_source_locator on kb_source (scope, locator);

-- Vectors of texts. A text is known to its scope alone, so that no other project can tell that it was there before.
create table kb_embedding (
  model text not null,
  scope text not null,
  project_id text references project (id) on delete cascade,
  text_hash text not null,
  -- Numbers of 32 bits, little-endian, of length 1 together.
  vector blob not null,
  created_ms bigint not null,
  primary key (model, scope, text_hash)
);

-- A model's vectors over all documents. One generation serves; the next is built beside it.
create table kb_generation (
  id bigint primary key,
  model text not null,
  -- builtin or gateway
  provider text not null,
  dimensions bigint not null,
  -- building, serving, retired, cancelled or failed
  state text not null,
  job_id text,
  -- The outbox entry up to which every document has its vectors.
  seq bigint not null,
  -- Documents up to this id have been looked at since it was begun; null when all have.
  after_id text,
  -- The hub that makes its vectors.
  lease_owner text,
  lease_until_ms bigint not null default 0,
  error text,
  created_ms bigint not null,
  switched_ms bigint
);
create unique index kb_generation_serving on kb_generation (state) where state = 'serving';
create unique index kb_generation_building on kb_generation (state) where state = 'building';

-- Work that goes on after its call: a batch, a listing, a new generation. 'lease' is held by the hub that works on it.
create table kb_job (
  id text primary key,
  scope text not null,
  project_id text references project (id) on delete cascade,
  kind text not null,
  -- queued, running, done, failed or cancelled
  state text not null,
  -- What is to be done: a JSON object.
  request text not null,
  -- What came of it: a JSON object.
  report text not null,
  total bigint,
  done bigint not null,
  failed bigint not null,
  attempt bigint not null,
  cancel bigint not null default 0,
  lease_owner text,
  lease_until_ms bigint,
  created_by text not null,
  created_ms bigint not null,
  updated_ms bigint not null,
  finished_ms bigint
);
create index kb_job_open on kb_job (state, created_ms);
create index kb_job_scope on kb_job (scope, id);

-- One document of a job.
create table kb_job_item (
  job_id text not null references kb_job (id) on delete cascade,
  ordinal bigint not null,
  name text not null,
  -- queued, done or failed
  state text not null,
  -- What to add, until it is done: a JSON object.
  request text,
  document_id text,
  version bigint,
  outcome text,
  code text,
  message text,
  primary key (job_id, ordinal)
);
create index kb_job_item_state on kb_job_item (job_id, state, ordinal);

-- What makes a document of kind memory a memory.
create table kb_memory (
  document_id text primary key references kb_document (id) on delete cascade,
  scope text not null,
  project_id text references project (id) on delete cascade,
  -- fact, decision, preference, procedure or episode
  type text not null,
  -- Where it is known from: a JSON object.
  provenance text not null,
  -- When it was true: from, and up to; without an end it still is.
  valid_from_ms bigint not null,
  valid_until_ms bigint,
  -- When it is forgotten by itself.
  expires_ms bigint,
  superseded_by text,
  pinned bigint not null,
  created_ms bigint not null
);
create index kb_memory_scope on kb_memory (scope, document_id);
create index kb_memory_expiry on kb_memory (expires_ms) where expires_ms is not null;
