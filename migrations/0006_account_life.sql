-- The life of accounts, logins and join codes.

alter table users
    -- nobody can sign in to it since then
    add column disabled_at timestamptz,
    -- to within some minutes
    add column last_seen_at timestamptz;

alter table logins
    -- names the login to its owner; says nothing about the cookie
    add column id uuid not null default gen_random_uuid() unique,
    -- to within some minutes; a login that is left alone ends before its time
    add column last_seen_at timestamptz not null default now(),
    -- browser and system in a few words
    add column device text not null default '',
    add column address text not null default '',
    -- until when its owner may set a password without naming the one that they forgot; null: not, or no more
    add column resets_until timestamptz;

alter table classes
    add column open boolean not null default true,
    add column join_ends_at timestamptz,
    add column max_learners int check (max_learners > 0);

-- An account that goes must not take along the rows by which the cluster is cleaned up: its sessions are ended first,
-- and lose their learner. While one still runs, "somebody_learns" keeps the account.
alter table sessions drop constraint sessions_user_id_fkey;
alter table sessions add constraint sessions_user_id_fkey
    foreign key (user_id) references users on delete set null;
-- for the periods after which they go
create index sessions_over on sessions (ended_at) where phase in ('ended', 'failed');
