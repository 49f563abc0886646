-- Why a session ended, as a value; `note` keeps a sentence for servers of the release before, which may still run.
alter table sessions add column end_reason jsonb;

-- A phase and what belongs to it cannot contradict each other. A row that did was of no use to anybody.
update sessions set phase = 'failed', ended_at = coalesce(ended_at, now()),
    note = 'Something went wrong on our side. Start the lab again.'
where phase = 'running' and (expires_at is null or running_at is null);
alter table sessions add constraint running_has_an_end
    check (phase <> 'running' or (expires_at is not null and running_at is not null));
alter table sessions add constraint reserved_has_no_learner check (phase <> 'reserved' or user_id is null);
update sessions set ended_at = now() where phase in ('ended', 'failed') and ended_at is null;
alter table sessions add constraint over_has_an_instant
    check (phase not in ('ended', 'failed') or ended_at is not null);
