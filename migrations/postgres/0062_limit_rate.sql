-- How far ahead of its rate each limited subject is, in microseconds since the Unix epoch; several hubs count here together.
create table limit_rate (
  subject text primary key,
  arrival_us bigint not null
);
