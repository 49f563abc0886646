-- What the server of release 0.1.0 (revision 4095fdf) asks of its database, in its own words, with arguments of the types
-- that it sends. Blocks are run in order in one transaction; each `execute` must find or change a row.

prepare insert_user (uuid, text, text, text, text) as insert into users (id, username, display_name, role, password_hash) values ($1, $2, $3, $4, $5) returning *;
execute insert_user ('00000000-0000-0000-0000-00000000000a', 'ada', 'Ada', 'learner', null);
execute insert_user ('00000000-0000-0000-0000-00000000000b', 'tia', 'Tia', 'instructor', null);

prepare update_password (uuid, text) as update users set password_hash = $2 where id = $1;
execute update_password ('00000000-0000-0000-0000-00000000000a', 'a hash');

prepare find_by_username (text) as select * from users where username = $1;
execute find_by_username ('ada');

prepare find_user (uuid) as select * from users where id = $1;
execute find_user ('00000000-0000-0000-0000-00000000000a');

prepare list_users as select * from users order by username limit 5000;
execute list_users;

prepare insert_login (bytea, uuid, timestamptz) as insert into logins (token_hash, user_id, expires_at) values ($1, $2, $3);
execute insert_login ('a', '00000000-0000-0000-0000-00000000000a', now() + interval '1 hour');
execute insert_login ('b', '00000000-0000-0000-0000-00000000000a', now() + interval '1 hour');
execute insert_login ('c', '00000000-0000-0000-0000-00000000000a', now() - interval '1 hour');
execute insert_login ('d', '00000000-0000-0000-0000-00000000000a', now() + interval '1 hour');

prepare insert_login_2 as delete from logins where expires_at < now();
execute insert_login_2;

prepare find_login (bytea) as select users.* from logins join users on users.id = logins.user_id
where token_hash = $1 and expires_at > now();
execute find_login ('a');

prepare delete_login (bytea) as delete from logins where token_hash = $1;
execute delete_login ('d');

prepare delete_other_logins (uuid, bytea) as delete from logins where user_id = $1 and token_hash <> $2;
execute delete_other_logins ('00000000-0000-0000-0000-00000000000a', 'a');

prepare insert_sign_in_link (bytea, uuid, timestamptz) as insert into sign_in_links (token_hash, user_id, expires_at) values ($1, $2, $3);
execute insert_sign_in_link ('a', '00000000-0000-0000-0000-00000000000a', now() + interval '1 hour');
execute insert_sign_in_link ('b', '00000000-0000-0000-0000-00000000000a', now() - interval '1 hour');

prepare insert_sign_in_link_2 as delete from sign_in_links where expires_at < now();
execute insert_sign_in_link_2;

prepare take_sign_in_link (bytea) as with used as (delete from sign_in_links where token_hash = $1 and expires_at > now() returning user_id)
select users.* from used join users on users.id = used.user_id;
execute take_sign_in_link ('a');

prepare record_failure (text[]) as insert into sign_in_failures as f (key, failures, window_ends_at)
select key, 1, now() + interval '15 minutes' from unnest($1::text[]) as key
on conflict (key) do update set
    failures = case when f.window_ends_at > now() then f.failures + 1 else 1 end,
    window_ends_at = case when f.window_ends_at > now() then f.window_ends_at else excluded.window_ends_at end;
execute record_failure ('{ada}');
execute record_failure ('{ada,grace}');

prepare count_failures (text[]) as select failures, window_ends_at from sign_in_failures
where key = any($1) and window_ends_at > now() order by failures desc limit 1;
execute count_failures ('{ada,grace}');

prepare insert_class (uuid, text, uuid, text) as insert into classes (id, name, owner_id, join_code) values ($1, $2, $3, $4)
returning id, name, join_code, 0::bigint as learners, created_at;
execute insert_class ('00000000-0000-0000-0000-00000000000c', 'Monday', '00000000-0000-0000-0000-00000000000b', 'ABCD-EFGH');

prepare enrol_by_code (text, uuid) as with found as (select * from classes where join_code = $1),
     added as (insert into enrolments (class_id, user_id) select id, $2 from found on conflict do nothing
               returning class_id)
select id, name, null as join_code, created_at,
       (select count(*) from enrolments e where e.class_id = found.id)
           + (select count(*) from added) as learners
from found;
execute enrol_by_code ('ABCD-EFGH', '00000000-0000-0000-0000-00000000000a');

prepare code_exists (text) as select exists (select from classes where join_code = $1);
execute code_exists ('ABCD-EFGH');

prepare list_classes_of (uuid) as select id, name, case when owner_id = $1 then join_code end as join_code, created_at,
       (select count(*) from enrolments e where e.class_id = c.id) as learners
from classes c
where owner_id = $1 or exists (select from enrolments e where e.class_id = c.id and e.user_id = $1)
order by owner_id = $1 desc, created_at;
execute list_classes_of ('00000000-0000-0000-0000-00000000000a');
execute list_classes_of ('00000000-0000-0000-0000-00000000000b');

prepare find_owned_class (uuid, uuid) as select id, name, join_code, created_at,
       (select count(*) from enrolments e where e.class_id = c.id) as learners
from classes c where id = $1 and owner_id = $2;
execute find_owned_class ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000000b');

prepare record_audit (uuid, text, text) as insert into audit_log (actor_id, action, object) values ($1, $2, $3);
execute record_audit ('00000000-0000-0000-0000-00000000000b', 'add_class', 'class:monday');

prepare insert_session (uuid, uuid, text, text, text, text, text[], text, jsonb, jsonb, jsonb, text, int, int, int, int, int, text, float8) as insert into sessions (id, user_id, lab, lab_title, phase, note, namespace, secondary_namespaces, workbench,
    parameters, pages, terminals, terminal_layout, checks_total, duration_secs, overtime_secs,
    deadline_secs, orphaned_secs, lab_version, claimed_until)
values ($1, $2, $3, $4, case when $2 is null then 'reserved' else 'allocated' end, $5, $6, $7, $8, $9,
    $10, $11, $12, $13, $14, $15, $16, $17, $18, now() + make_interval(secs => $19))
returning *;
execute insert_session ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', 'lab', 'A lab', 'Starting', 'n-1', '{n-1-more}', 'w-1', '{}', '[]', '[]', 'default', 1, 60, 60, 600, null, 'v1', 60);
execute insert_session ('00000000-0000-0000-0000-000000000002', null, 'lab', 'A lab', 'Starting', 'n-2', '{n-2-more}', 'w-2', '{}', '[]', '[]', 'default', 1, 60, 60, 600, null, 'v1', 60);
execute insert_session ('00000000-0000-0000-0000-000000000003', null, 'lab', 'A lab', 'Starting', 'n-3', '{n-3-more}', 'w-3', '{}', '[]', '[]', 'default', 1, 60, 60, 600, null, 'v1', 60);
execute insert_session ('00000000-0000-0000-0000-000000000004', null, 'lab', 'A lab', 'Starting', 'n-4', '{n-4-more}', 'w-4', '{}', '[]', '[]', 'default', 1, 60, 60, 600, null, 'v1', 60);
execute insert_session ('00000000-0000-0000-0000-000000000005', null, 'lab', 'A lab', 'Starting', 'n-5', '{n-5-more}', 'w-5', '{}', '[]', '[]', 'default', 1, 60, 60, 600, null, 'v1', -60);

prepare extend_claim (uuid, float8) as update sessions set claimed_until = now() + make_interval(secs => $2)
where id = $1 and (phase = 'allocated' or phase = 'reserved' and ready_at is null);
execute extend_claim ('00000000-0000-0000-0000-000000000001', 60);

prepare claim_abandoned (float8) as update sessions set claimed_until = now() + make_interval(secs => $1)
where id in (select id from sessions
             where (phase = 'allocated' or phase = 'reserved' and ready_at is null)
                 and claimed_until < now()
             order by phase, created_at limit 20 for update skip locked)
returning *;
execute claim_abandoned (60);

prepare update_phase (uuid, text, text, text, timestamptz, bool) as update sessions set phase = $3, note = $4, expires_at = coalesce($5, expires_at),
    ready_at = case when $6 then coalesce(ready_at, now()) else ready_at end,
    running_at = case when $3 = 'running'
        then coalesce(running_at, $5 - make_interval(secs => duration_secs)) else running_at end,
    ended_at = case when $3 in ('ended', 'failed') then now() else ended_at end
where id = $1 and phase = $2 returning user_id;
execute update_phase ('00000000-0000-0000-0000-000000000001', 'allocated', 'running', '', now() + interval '1 minute', true);
execute update_phase ('00000000-0000-0000-0000-000000000002', 'reserved', 'reserved', '', null, true);

prepare find_live (uuid, text) as select * from sessions where user_id = $1 and lab = $2 and phase in ('allocated', 'running');
execute find_live ('00000000-0000-0000-0000-00000000000a', 'lab');

prepare find_owned (uuid, uuid) as select * from sessions where id = $1 and user_id = $2;
execute find_owned ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a');

prepare find_visible (uuid, uuid) as select s.* from sessions s where s.id = $1 and (s.user_id = $2 or exists (
select from enrolments e join classes c on c.id = e.class_id
where e.user_id = s.user_id and c.owner_id = $2));
execute find_visible ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000b');

prepare list_owned (uuid) as select * from sessions where user_id = $1
order by phase in ('allocated', 'running', 'ending') desc, created_at desc limit 50;
execute list_owned ('00000000-0000-0000-0000-00000000000a');

prepare claim_rebuild (uuid, float8) as update sessions set rebuilding_until = now() + make_interval(secs => $2)
where id = $1 and phase = 'running' and (rebuilding_until is null or rebuilding_until < now())
returning *;
execute claim_rebuild ('00000000-0000-0000-0000-000000000001', 60);

prepare replace_workbench (uuid, text) as update sessions set workbench = $2
where id = $1 and phase in ('reserved', 'allocated', 'running') returning *;
execute replace_workbench ('00000000-0000-0000-0000-000000000001', 'w-1-again');

prepare note_rebuilt (uuid) as update sessions set rebuilding_until = null where id = $1;
execute note_rebuilt ('00000000-0000-0000-0000-000000000001');

prepare move_end (uuid, uuid, timestamptz, timestamptz) as update sessions set expires_at = $4
where id = $1 and user_id = $2 and phase = 'running' and expires_at = $3;
execute move_end ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', now() + interval '1 minute', now() - interval '1 minute');

prepare touch (uuid[], timestamptz) as update sessions set last_active_at = $2
where id = any($1) and phase = 'running' and (last_active_at is null or last_active_at < $2);
execute touch ('{00000000-0000-0000-0000-000000000001}', now());

prepare update_token_expiry (uuid, timestamptz) as update sessions set token_expires_at = $2 where id = $1;
execute update_token_expiry ('00000000-0000-0000-0000-000000000001', now());

prepare list_stale_tokens (timestamptz) as select * from sessions
where (phase = 'running' or phase = 'reserved' and ready_at is not null) and token_expires_at < $1
limit 50;
execute list_stale_tokens (now() + interval '1 hour');

prepare lock_session (uuid) as select from sessions where id = $1 for no key update;
execute lock_session ('00000000-0000-0000-0000-000000000001');

prepare insert_event (uuid, uuid, text, text, jsonb, timestamptz) as insert into progress_events (id, session_id, kind, page, detail, happened_at)
values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing;
execute insert_event ('00000000-0000-0000-0000-000000000101', '00000000-0000-0000-0000-000000000001', 'page_viewed', 'one', '{}', now());

prepare insert_event_2 (uuid, text) as insert into page_progress as p (session_id, page, viewed_at) values ($1, $2, now())
on conflict (session_id, page) do update set viewed_at = coalesce(p.viewed_at, now());
execute insert_event_2 ('00000000-0000-0000-0000-000000000001', 'one');

prepare insert_event_3 (uuid, text, int) as insert into page_progress as p (session_id, page, actions_run) values ($1, $2, array[$3])
on conflict (session_id, page) do update set actions_run =
    (select array_agg(distinct a order by a) from unnest(p.actions_run || $3) as a);
execute insert_event_3 ('00000000-0000-0000-0000-000000000001', 'one', 3);
execute insert_event_3 ('00000000-0000-0000-0000-000000000001', 'one', 3);
execute insert_event_3 ('00000000-0000-0000-0000-000000000001', 'two', 1);

prepare insert_event_4 (uuid) as update sessions set finished_at = coalesce(finished_at, now()) where id = $1;
execute insert_event_4 ('00000000-0000-0000-0000-000000000001');

prepare insert_event_5 (uuid, text) as update sessions set last_active_at = now(), current_page = coalesce($2, current_page) where id = $1;
execute insert_event_5 ('00000000-0000-0000-0000-000000000001', 'one');

prepare record_check (uuid, uuid, text, text, jsonb) as insert into progress_events (id, session_id, kind, page, detail, happened_at)
values ($1, $2, $3, $4, $5, now());
execute record_check ('00000000-0000-0000-0000-000000000102', '00000000-0000-0000-0000-000000000001', 'check_passed', null, '{"check": "c"}');

prepare record_check_2 (uuid, text, text, bool) as insert into check_results as c (session_id, name, page, passed, at) values ($1, $2, $3, $4, now())
on conflict (session_id, name) do update set passed = $4, runs = c.runs + 1, at = now(),
    page = coalesce($3, c.page);
execute record_check_2 ('00000000-0000-0000-0000-000000000001', 'c', 'one', true);
execute record_check_2 ('00000000-0000-0000-0000-000000000001', 'c', null, false);

prepare find_progress (uuid) as select page, viewed_at, actions_run from page_progress where session_id = $1 order by page;
execute find_progress ('00000000-0000-0000-0000-000000000001');

prepare find_progress_2 (uuid) as select * from check_results where session_id = $1 order by name;
execute find_progress_2 ('00000000-0000-0000-0000-000000000001');

prepare find_progress_3 (uuid) as select finished_at is not null from sessions where id = $1;
execute find_progress_3 ('00000000-0000-0000-0000-000000000001');

prepare list_learners (uuid, uuid) as select u.id as learner_id, u.display_name as learner_name, s.id as session_id,
       (select count(*) from page_progress p where p.session_id = s.id and viewed_at is not null)
           as pages_viewed
from enrolments e join users u on u.id = e.user_id
left join lateral (select id from sessions where user_id = u.id order by created_at desc limit 1) s on true
where e.class_id = $1 and ($2::uuid is null or u.id = $2)
order by u.display_name, u.id;
execute list_learners ('00000000-0000-0000-0000-00000000000c', null);

prepare count_of_person (uuid) as select (select count(*) from sessions where user_id = u.id and phase in ('allocated', 'running')),
       u.anonymous
from users u where u.id = $1;
execute count_of_person ('00000000-0000-0000-0000-00000000000a');

prepare count_occupied (text) as select count(*) filter (where lab = $1) as lab, count(*) as total from sessions
where phase in ('reserved', 'allocated', 'running');
execute count_occupied ('lab');

prepare list_reserved as select * from sessions where phase = 'reserved' order by ready_at nulls last, created_at;
execute list_reserved;

prepare list_expired (timestamptz) as select * from sessions where phase = 'running' and expires_at <= $1 limit 200;
execute list_expired (now());

prepare end_expired (uuid, text, timestamptz) as update sessions set phase = 'ending', note = $2
where id = $1 and phase = 'running' and expires_at <= $3 returning user_id;
execute end_expired ('00000000-0000-0000-0000-000000000001', 'its time was over', now());

prepare take_reserved (text, text, uuid, timestamptz, int, int, int, int) as update sessions set user_id = $3, created_at = $4,
    phase = case when ready_at is null then 'allocated' else 'running' end,
    note = case when ready_at is null then note else '' end,
    duration_secs = $5, overtime_secs = $6, deadline_secs = $7, orphaned_secs = $8,
    running_at = case when ready_at is null then null else $4 end,
    expires_at = case when ready_at is null then null
        else $4::timestamptz + make_interval(secs => $5::int) end
where id = (select id from sessions
            where phase = 'reserved' and lab = $1 and lab_version = $2
            order by ready_at nulls last, created_at limit 1 for update skip locked)
returning *;
execute take_reserved ('lab', 'v1', '00000000-0000-0000-0000-00000000000a', now(), 60, 60, 600, null);

prepare count_in_use as select lab, count(*) filter (where phase = 'allocated'), count(*) filter (where phase = 'running')
from sessions where phase in ('allocated', 'running') group by lab;
execute count_in_use;

prepare give_up_taken (uuid) as update sessions set user_id = null, phase = 'ending', note = 'its workbench was gone', running_at = null,
    expires_at = null
where id = $1;
execute give_up_taken ('00000000-0000-0000-0000-000000000002');

prepare take_reserved_2 (text, text, uuid, timestamptz, int, int, int, int) as update sessions set user_id = $3, created_at = $4,
    phase = case when ready_at is null then 'allocated' else 'running' end,
    note = case when ready_at is null then note else '' end,
    duration_secs = $5, overtime_secs = $6, deadline_secs = $7, orphaned_secs = $8,
    running_at = case when ready_at is null then null else $4 end,
    expires_at = case when ready_at is null then null
        else $4::timestamptz + make_interval(secs => $5::int) end
where id = (select id from sessions
            where phase = 'reserved' and lab = $1 and lab_version = $2
            order by ready_at nulls last, created_at limit 1 for update skip locked)
returning *;
execute take_reserved_2 ('lab', 'v1', '00000000-0000-0000-0000-00000000000a', now(), 60, 60, 600, 300);

prepare evict_reserved (text, bool) as update sessions set phase = 'ending', note = 'made room for a learner'
where id = (select id from sessions where phase = 'reserved' and (lab = $1 or not $2)
            order by lab = $1 desc, ready_at desc nulls first limit 1 for update skip locked)
returning id;
execute evict_reserved ('lab', true);

prepare give_up (uuid, text) as update sessions set phase = 'ending', note = $2 where id = $1 and phase = 'reserved';
execute give_up ('00000000-0000-0000-0000-000000000005', 'its lab changed');

prepare set_initial (text, int) as insert into lab_pools as p (lab, initial, initial_left) values ($1, $2, $2)
on conflict (lab) do update set initial = $2, initial_left = $2 where p.initial <> $2;
execute set_initial ('lab', 2);
execute set_initial ('lab', 3);

prepare note_start (text, timestamptz, bool) as insert into lab_pools as p (lab, last_started_at) values ($1, $2)
on conflict (lab) do update set last_started_at = $2,
    initial_left = greatest(p.initial_left - case when $3 then 1 else 0 end, 0);
execute note_start ('lab', now(), true);

prepare note_made (text, text, timestamptz) as insert into lab_pools as p (lab, failures, failure, retry_at)
values ($1, case when $2::text is null then 0 else 1 end, coalesce($2, ''),
    case when $2 is null then null else $3::timestamptz + interval '10 seconds' end)
on conflict (lab) do update set
    failures = case when $2 is null then 0 else p.failures + 1 end,
    failure = coalesce($2, ''),
    retry_at = case when $2 is null then null
        else $3::timestamptz + least(interval '10 seconds' * power(2, least(p.failures, 10)), interval '10 minutes') end;
execute note_made ('lab', 'no room', now());
execute note_made ('lab', null, now());

prepare list_pools as select * from lab_pools order by lab;
execute list_pools;

prepare update_phase_2 (uuid, text, text, text, timestamptz, bool) as update sessions set phase = $3, note = $4, expires_at = coalesce($5, expires_at),
    ready_at = case when $6 then coalesce(ready_at, now()) else ready_at end,
    running_at = case when $3 = 'running'
        then coalesce(running_at, $5 - make_interval(secs => duration_secs)) else running_at end,
    ended_at = case when $3 in ('ended', 'failed') then now() else ended_at end
where id = $1 and phase = $2 returning user_id;
execute update_phase_2 ('00000000-0000-0000-0000-000000000001', 'ending', 'ended', 'its time was over', null, false);
execute update_phase_2 ('00000000-0000-0000-0000-000000000003', 'allocated', 'failed', 'no image', null, false);
execute update_phase_2 ('00000000-0000-0000-0000-000000000002', 'ending', 'ended', 'its workbench was gone', null, false);

prepare list_unremoved as (select * from sessions where phase = 'ending' limit 500)
union all
(select * from sessions where phase in ('ended', 'failed') and removed_at is null limit 500);
execute list_unremoved;

prepare list_unfinished_among (uuid[]) as select id from sessions where id = any($1) and removed_at is null;
execute list_unfinished_among ('{00000000-0000-0000-0000-000000000001}');

prepare note_removed (uuid) as update sessions set removed_at = now() where id = $1 and phase in ('ended', 'failed');
execute note_removed ('00000000-0000-0000-0000-000000000001');
execute note_removed ('00000000-0000-0000-0000-000000000002');

prepare note_removed_2 (uuid) as delete from sessions where id = $1 and user_id is null and removed_at is not null;
execute note_removed_2 ('00000000-0000-0000-0000-000000000002');
