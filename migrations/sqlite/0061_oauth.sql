-- The hub's own authorization server: clients that registered themselves, and what people gave to clients.
create table oauth_client (
  id text primary key,
  name text not null,
  redirect_uris text not null,
  created_ms bigint not null,
  used_ms bigint not null
);

create index oauth_client_by_time on oauth_client (created_ms);

-- What one client got by one service token. Its codes and tokens live and die with it.
create table oauth_delegation (
  id text primary key,
  token_id text not null references token (id) on delete cascade,
  client_id text not null,
  client_name text not null,
  place text not null,
  projects text not null,
  agents text not null,
  scopes text not null,
  created_ms bigint not null,
  expires_ms bigint not null,
  revoked_ms bigint
);

create index oauth_delegation_by_token on oauth_delegation (token_id, client_id);
create index oauth_delegation_by_client on oauth_delegation (client_id);
create index oauth_delegation_by_expiry on oauth_delegation (expires_ms);

create table oauth_code (
  hash text primary key,
  delegation_id text not null references oauth_delegation (id) on delete cascade,
  redirect_uri text not null,
  challenge text not null,
  expires_ms bigint not null,
  used_ms bigint
);

create index oauth_code_by_delegation on oauth_code (delegation_id);

create table oauth_refresh (
  hash text primary key,
  delegation_id text not null references oauth_delegation (id) on delete cascade,
  used_ms bigint
);

create index oauth_refresh_by_delegation on oauth_refresh (delegation_id);

create table oauth_access (
  hash text primary key,
  delegation_id text not null references oauth_delegation (id) on delete cascade,
  scopes text not null,
  expires_ms bigint not null
);

create index oauth_access_by_delegation on oauth_access (delegation_id);
create index oauth_access_by_expiry on oauth_access (expires_ms);
