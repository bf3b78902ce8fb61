-- git: credentials are passwords, or keys for ssh, of which the fingerprint is shown.
alter table git_credential add column kind text not null default 'password';
alter table git_credential add column fingerprint text;
