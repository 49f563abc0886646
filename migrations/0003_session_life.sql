-- The whole life of a session: made ahead, extended, left alone, and tracked until nothing of it is left.

-- a visitor without an account of their own, who may run fewer labs at once
alter table users add column anonymous boolean not null default false;

alter table sessions drop constraint sessions_phase_check;
alter table sessions add constraint sessions_phase_check
    check (phase in ('reserved', 'allocated', 'running', 'ending', 'ended', 'failed'));
-- a session made ahead belongs to nobody until a learner takes it
alter table sessions alter column user_id drop not null;
alter table sessions add constraint somebody_learns check (user_id is not null or phase not in ('allocated', 'running'));

alter table sessions
    -- what whoever asked for it chose, with the lab's own values for the rest
    add column parameters jsonb not null default '{}',
    -- the learner's further namespaces
    add column secondary_namespaces text[] not null default '{}',
    -- stands for the lab's files as they were when it was made ahead
    add column lab_version text not null default '',
    -- since when a session made ahead can be taken
    add column ready_at timestamptz,
    -- what one extension adds, and how long it may run with all of them
    add column overtime_secs int not null default 0,
    add column deadline_secs int not null default 0,
    -- after how long without a sign of the learner it ends
    add column orphaned_secs int,
    -- when nothing of it was left in the cluster
    add column removed_at timestamptz;

update sessions set removed_at = coalesce(ended_at, now()) where phase in ('ended', 'failed');
create index sessions_not_removed on sessions (ended_at) where phase in ('ended', 'failed') and removed_at is null;
create index reserved_sessions on sessions (lab, lab_version) where phase = 'reserved';

drop index unfinished_sessions;
create index unfinished_sessions on sessions (phase)
    where phase in ('reserved', 'allocated', 'running', 'ending');

-- what a lab's reserve is like
create table lab_pools (
    lab text primary key,
    -- how many the operator wants made at first, and how many of those are still to be taken
    initial int not null default 0,
    initial_left int not null default 0,
    last_started_at timestamptz,
    -- failures in a row, what the last one was, and when the next try is due
    failures int not null default 0,
    failure text not null default '',
    retry_at timestamptz
);
