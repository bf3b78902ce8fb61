-- What a request's row says beyond who asked what.
alter table llm_request add column token_id text not null default '';
alter table llm_request add column route text;
alter table llm_request add column face text not null default 'mcp';
alter table llm_request add column streamed boolean not null default false;
alter table llm_request add column cache text;
alter table llm_request add column idempotency_hash text;
alter table llm_request add column finish text;
alter table llm_request add column written_tokens bigint;
alter table llm_request add column written_1h_tokens bigint;
alter table llm_request add column usage_source text not null default 'provider';
alter table llm_request add column cost_source text;
alter table llm_request add column price_id text;
alter table llm_request add column saved_nanousd bigint;

create index llm_request_by_age on llm_request (started_ms);

-- Every time that a provider was asked, in order.
create table llm_attempt (
  request_id text not null references llm_request (id) on delete cascade,
  position bigint not null,
  provider text not null,
  upstream_model text not null,
  status text not null,
  http_status bigint,
  code text,
  message text,
  retry_after_ms bigint,
  started_ms bigint not null,
  duration_ms bigint not null,
  input_tokens bigint,
  cached_tokens bigint,
  written_tokens bigint,
  written_1h_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  cost_nanousd bigint,
  primary key (request_id, position)
);

-- What was said, where the settings keep it.
create table llm_body (
  request_id text primary key references llm_request (id) on delete cascade,
  request text,
  response text
);

-- Sums over the requests that have ended, by the hour (UTC) in which they started. They outlive the requests.
create table llm_usage_hour (
  project_id text not null references project (id) on delete cascade,
  agent_id text not null,
  token_id text not null,
  model text not null,
  provider text not null,
  hour_ms bigint not null,
  requests bigint not null,
  failed bigint not null,
  unpriced bigint not null,
  input_tokens bigint not null,
  cached_tokens bigint not null,
  written_tokens bigint not null,
  output_tokens bigint not null,
  reasoning_tokens bigint not null,
  cost_nanousd bigint not null,
  saved_nanousd bigint not null,
  primary key (project_id, hour_ms, agent_id, token_id, model, provider)
);

insert into llm_usage_hour
select project_id, agent_id, token_id, model, provider, started_ms - started_ms % 3600000, count(*),
  sum(case when status in ('error', 'partial', 'aborted') then 1 else 0 end),
  sum(case when cost_nanousd is null and status in ('ok', 'partial') then 1 else 0 end),
  coalesce(sum(input_tokens), 0), coalesce(sum(cached_tokens), 0), 0, coalesce(sum(output_tokens), 0),
  coalesce(sum(reasoning_tokens), 0), coalesce(sum(cost_nanousd), 0), 0
from llm_request where status <> 'started'
group by project_id, agent_id, token_id, model, provider, started_ms - started_ms % 3600000;

-- Prices that were imported after the hub was built. The newest that was in effect when a request started is its price.
create table llm_price (
  model text not null,
  provider text not null,
  effective_from bigint not null,
  id text not null,
  entry text not null,
  primary key (model, effective_from)
);

-- Budgets that projects have set for themselves.
create table llm_budget (
  id text primary key,
  project_id text not null references project (id) on delete cascade,
  name text not null,
  config text not null,
  updated_ms bigint not null
);

create unique index llm_budget_by_name on llm_budget (project_id, name);

-- What is spent of a budget, for each period and each name that it counts apart.
create table llm_budget_window (
  budget text not null,
  subject text not null,
  start_ms bigint not null,
  end_ms bigint,
  spent_nano_usd bigint not null default 0,
  spent_tokens bigint not null default 0,
  spent_requests bigint not null default 0,
  primary key (budget, subject, start_ms)
);

-- What requests of hubs that share the database hold of a window until they end. It counts until it expires.
create table llm_reservation (
  id text not null,
  owner text not null,
  budget text not null,
  subject text not null,
  start_ms bigint not null,
  nano_usd bigint not null,
  tokens bigint not null,
  requests bigint not null,
  expires_ms bigint not null,
  primary key (id, budget, subject, start_ms)
);

create index llm_reservation_by_window on llm_reservation (budget, subject, start_ms);
create index llm_reservation_by_expiry on llm_reservation (expires_ms);

-- Models at their providers that fail or cool down.
create table llm_target (
  provider text not null,
  upstream_model text not null,
  failures bigint not null,
  last_error text,
  until_ms bigint not null,
  cooled_ms bigint not null,
  primary key (provider, upstream_model)
);
