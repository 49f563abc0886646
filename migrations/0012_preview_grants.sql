-- Ways to a web application of a session, each good once and for a minute. They belong to a login: when it ends, they do.
create table preview_grants (
    token_hash bytea primary key,
    login_id uuid not null references logins (id) on delete cascade,
    session_id uuid not null references sessions on delete cascade,
    -- where the application is reached
    host text not null,
    -- what to show of it: path and query
    path text not null,
    expires_at timestamptz not null
);
-- for those that nobody used
create index preview_grants_expired on preview_grants (expires_at);
create index preview_grants_of_login on preview_grants (login_id);
create index preview_grants_of_session on preview_grants (session_id);
