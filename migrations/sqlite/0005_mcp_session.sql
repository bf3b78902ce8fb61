-- Sessions of MCP's streamable HTTP transport, for a hub that starts again.
create table mcp_session (
  id text primary key,
  principal_id text not null,
  endpoint text not null,
  initialize text not null,
  created_ms bigint not null,
  last_seen_ms bigint not null
);

create index mcp_session_by_use on mcp_session (last_seen_ms);
