-- Which tools a token may call, as JSON lists of names and patterns. An empty list allows all, or denies none.
alter table token add column tools_allow text not null default '[]';
alter table token add column tools_deny text not null default '[]';
