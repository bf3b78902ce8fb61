-- What a rotated token was before: it works until its grace is over.
alter table token add column old_hash text;
alter table token add column old_until_ms bigint;
create index token_by_old_hash on token (old_hash);
