-- What makes tampering with the audit log show: docs/decisions/0017-audit-chains.md. An entry that is on record before its call
-- runs is linked into a chain twice, when it begins (begun_*) and when it has ended.
alter table audit add column begun_chain text;
alter table audit add column begun_seq bigint;
alter table audit add column chain text;
alter table audit add column seq bigint;
alter table audit add column mac text;

create table audit_chain (
  id text primary key,
  created_ms bigint not null,
  -- The link before the first that is kept, and its mac: pruning moves it.
  anchor_seq bigint not null,
  anchor_mac text not null,
  -- The last link.
  seq bigint not null,
  mac text not null,
  -- The mac of this row.
  seal text not null
);

create unique index audit_by_seq on audit (chain, seq) where seq is not null;
create unique index audit_by_begun_seq on audit (begun_chain, begun_seq) where begun_seq is not null;
create index audit_unlinked on audit (id) where mac is null;
