-- What a session's set-up scripts wrote for later shells when they ran first. Checks go by it: by a second run, in a
-- workbench that was started anew, the learner may have had a hand in what the scripts find.
alter table sessions add column set_up_env jsonb;
