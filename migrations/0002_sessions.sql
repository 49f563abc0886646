-- Sessions and what learners do in them.

create table sessions (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    lab text not null,
    lab_title text not null,
    phase text not null check (phase in ('allocated', 'running', 'ending', 'ended', 'failed')),
    -- what the learner is told: the step of an allocated session, else why it ends, ended or failed
    note text not null default '',
    -- the learner's namespace, and the pod with the terminals
    namespace text not null unique,
    workbench text not null unique,
    -- the lab's table of contents, terminals and checks as they were at the start
    pages jsonb not null,
    terminals jsonb not null,
    terminal_layout text not null,
    checks_total int not null,
    duration_secs int not null,
    created_at timestamptz not null default now(),
    running_at timestamptz,
    expires_at timestamptz,
    ended_at timestamptz,
    -- when the learner's cluster token must be replaced
    token_expires_at timestamptz,
    -- until when a server is at work on it; a session whose claim ran out is taken up by another
    claimed_until timestamptz,
    current_page text,
    last_active_at timestamptz,
    finished_at timestamptz
);
-- a learner runs a lab once at a time
create unique index one_live_session_per_learner_and_lab on sessions (user_id, lab)
    where phase in ('allocated', 'running');
create index sessions_by_user on sessions (user_id, created_at desc);
create index unfinished_sessions on sessions (phase) where phase in ('allocated', 'running', 'ending');

-- append-only; ids come from the browser, so a retry is one event
create table progress_events (
    id uuid primary key,
    session_id uuid not null references sessions on delete cascade,
    kind text not null,
    page text,
    detail jsonb not null default '{}',
    happened_at timestamptz not null,
    recorded_at timestamptz not null default now()
);
create index progress_events_by_session on progress_events (session_id, recorded_at);

-- derived from the events in the same transaction
create table page_progress (
    session_id uuid not null references sessions on delete cascade,
    page text not null,
    viewed_at timestamptz,
    actions_run int[] not null default '{}',
    primary key (session_id, page)
);

create table check_results (
    session_id uuid not null references sessions on delete cascade,
    name text not null,
    page text,
    passed boolean not null,
    runs int not null default 1,
    at timestamptz not null,
    primary key (session_id, name)
);
