-- The audit log: more of what happened, in rows that cannot be changed unseen.
--
-- Each row carries a hash over itself and the row before it. Rows get their number, time and hash here, not from
-- whoever adds them; the numbers have no gaps. Nothing changes or removes a row but prune_audit_log(), and that only the
-- oldest ones. The owner of the tables could still switch all this off: the server should run under another role, which
-- has no right to (docs/OPERATING.md).

alter table audit_log
    add column address text not null default '',
    add column outcome text not null default 'ok',
    add column detail text not null default '',
    add column times int not null default 1,
    add column hash bytea;
alter table audit_log alter column id drop identity;

-- where the chain ends, and where it begins since older rows were removed
create table audit_chain (
    singleton boolean primary key default true check (singleton),
    last_id bigint not null,
    last_hash bytea not null,
    pruned_id bigint not null,
    pruned_hash bytea not null
);
insert into audit_chain (last_id, last_hash, pruned_id, pruned_hash) values (0, '', 0, '');

create function audit_hash(before bytea, r audit_log) returns bytea language sql immutable as $$
    select sha256(before || convert_to(jsonb_build_array(
        r.id, to_char(r.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US'), r.actor_id, r.action, r.object,
        r.address, r.outcome, r.detail, r.times)::text, 'utf8'))
$$;

-- rows from before join the chain
do $$
declare
    r audit_log;
    n bigint := 0;
    h bytea := '';
begin
    for r in select * from audit_log order by id loop
        n := n + 1;
        update audit_log set id = n where id = r.id;
        r.id := n;
        h := audit_hash(h, r);
        update audit_log set hash = h where id = n;
    end loop;
    update audit_chain set last_id = n, last_hash = h;
end
$$;
alter table audit_log alter column hash set not null;

-- Appending waits for whoever appended last to commit, so it is the last thing that a transaction does.
create function append_audit() returns trigger language plpgsql security definer as $$
declare
    c audit_chain;
begin
    select * into strict c from audit_chain for update;
    new.id := c.last_id + 1;
    new.at := clock_timestamp();
    new.hash := audit_hash(c.last_hash, new);
    update audit_chain set last_id = new.id, last_hash = new.hash;
    return new;
end
$$;
create trigger append_audit before insert on audit_log for each row execute function append_audit();

create function keep_audit() returns trigger language plpgsql security definer as $$
begin
    if tg_op = 'DELETE' then
        -- prune_audit_log() moves the beginning of the chain first
        if old.id <= (select pruned_id from audit_chain) then
            return old;
        end if;
    end if;
    raise exception 'the audit log cannot be changed' using errcode = 'insufficient_privilege';
end
$$;
create trigger keep_audit before update or delete on audit_log for each row execute function keep_audit();
create trigger keep_audit_whole before truncate on audit_log for each statement execute function keep_audit();

-- Removes rows older than `keep`, which is thirty days at least, the oldest first and at most 5,000 at once; returns how many.
create function prune_audit_log(keep interval) returns bigint language plpgsql security definer as $$
declare
    c audit_chain;
    upto audit_log;
    removed bigint;
begin
    select * into strict c from audit_chain for update;
    select * into upto from audit_log
        where id <= c.pruned_id + 5000 and at < now() - greatest(keep, interval '30 days')
        order by id desc limit 1;
    if upto.id is null then
        return 0;
    end if;
    update audit_chain set pruned_id = upto.id, pruned_hash = upto.hash;
    delete from audit_log where id <= upto.id;
    get diagnostics removed = row_count;
    return removed;
end
$$;
revoke all on function prune_audit_log(interval) from public;

-- what runs with the owner's rights finds its tables here and nowhere else
do $$
declare
    f text;
begin
    foreach f in array array['append_audit()', 'keep_audit()', 'prune_audit_log(interval)'] loop
        execute format('alter function %s set search_path = pg_catalog, %I, pg_temp', f, current_schema());
    end loop;
end
$$;
