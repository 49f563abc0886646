-- Limits that hold while somebody tries to get in, or to fill what there is.

-- rows that have run out are found without reading those that have not
create index sign_in_failures_by_end on sign_in_failures (window_ends_at);
create index logins_by_end on logins (expires_at);
create index sign_in_links_by_end on sign_in_links (expires_at);

-- a browser in which somebody has signed in before; others' wrong guesses do not concern it. Only a hash of its
-- cookie is kept
create table known_devices (
    token_hash bytea primary key,
    user_id uuid not null references users on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index known_devices_by_user on known_devices (user_id, created_at);
create index known_devices_by_end on known_devices (expires_at);

-- how many events of a session were recorded, so that no session can have any number of them
alter table sessions add column events_taken int not null default 0;
update sessions set events_taken =
    (select count(*) from progress_events where progress_events.session_id = sessions.id);
