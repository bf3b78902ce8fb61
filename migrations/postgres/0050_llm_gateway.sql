-- Requests to models: one row each, from before it is sent.
create table llm_request (
  id text primary key,
  project_id text not null references project (id) on delete cascade,
  agent_id text not null,
  kind text not null,
  model text not null,
  provider text not null,
  upstream_model text not null,
  simulated boolean not null default false,
  status text not null,
  code text,
  input_tokens bigint,
  cached_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  cost_nanousd bigint,
  owner text not null,
  started_ms bigint not null,
  duration_ms bigint,
  first_token_ms bigint
);

create index llm_request_by_project on llm_request (project_id, started_ms);
create index llm_request_open on llm_request (started_ms) where status = 'started';
