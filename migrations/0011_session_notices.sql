-- What of a session is not as its lab's author meant it, for its learner and their instructor. Servers of the release
-- before insert without it.
alter table sessions add column notices jsonb not null default '[]';
-- Environment variables whose values were read from objects of the session when it was made: shells, pages and checks
-- all go by these, whatever the learner does to the objects later.
alter table sessions add column referenced_env jsonb not null default '{}';
