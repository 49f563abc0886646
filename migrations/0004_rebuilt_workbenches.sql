-- until when a server is at work on the workbench of a running session, which somebody took away; null: nobody has to
alter table sessions add column rebuilding_until timestamptz;
create index rebuilt_sessions on sessions (rebuilding_until) where rebuilding_until is not null;
