-- People, how they sign in, and the classes they belong to.

create table users (
    id uuid primary key,
    username text not null unique check (username = lower(username)),
    display_name text not null,
    role text not null check (role in ('learner', 'instructor', 'author', 'admin')),
    -- argon2id in PHC form; null until the person sets one
    password_hash text,
    created_at timestamptz not null default now()
);

-- a browser that is signed in; only a hash of its cookie is kept
create table logins (
    token_hash bytea primary key,
    user_id uuid not null references users on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index logins_by_user on logins (user_id);

create table sign_in_links (
    token_hash bytea primary key,
    user_id uuid not null references users on delete cascade,
    expires_at timestamptz not null
);

-- failed sign-ins per name and per address within a window; one row a key, so it cannot grow without bound
create table sign_in_failures (
    key text primary key,
    failures int not null,
    window_ends_at timestamptz not null
);

create table classes (
    id uuid primary key,
    name text not null,
    owner_id uuid not null references users on delete cascade,
    join_code text not null unique,
    created_at timestamptz not null default now()
);
create index classes_by_owner on classes (owner_id);

create table enrolments (
    class_id uuid not null references classes on delete cascade,
    user_id uuid not null references users on delete cascade,
    created_at timestamptz not null default now(),
    primary key (class_id, user_id)
);
create index enrolments_by_user on enrolments (user_id);

-- who did what to whom; rows are only ever added
create table audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor_id uuid,
    action text not null,
    object text not null
);
