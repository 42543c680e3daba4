-- The mail queue. A row says which message is due and what became of it, never to whom or what: the message is composed
-- from the ids in `refs` when it is sent.
--
-- What waits and what is settled lie in different partitions: a settled mail is moved, so the table that is claimed from
-- stays as small as the queue is, however much has gone out. Code that claims, queues and settles names the partition;
-- whoever only reads may ask `emails`.

CREATE TABLE emails (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL, -- without a foreign key: copied from the action's row, and a check for each mail is not free
    class           text NOT NULL,
    kind            text NOT NULL,
    lane            text NOT NULL DEFAULT '', -- letters: the mailbox's id; others: ''
    refs            jsonb NOT NULL, -- ids only
    protected       boolean NOT NULL DEFAULT false, -- the row is deleted once settled
    state           text NOT NULL,
    due_at          timestamptz NOT NULL,
    attempts        smallint NOT NULL DEFAULT 0, -- counted when claimed
    claim_token     uuid,
    lease_until     timestamptz,
    data_at         timestamptz, -- content began to go out under the present claim: a lost lease is then uncertain
    failure         text, -- reply code and text of the relay, without addresses
    created_at      timestamptz NOT NULL,
    queued_at       timestamptz, -- when an organizer queued it again, or it was last put back by a pause: its age counts from then; NULL: from created_at
    refused_at      timestamptz, -- a relay first refused it for good; only a second refusal is final (src/mail/retry_policy.rs)
    breaks          smallint NOT NULL DEFAULT 0, -- connections that were lost over it
    first_counted   boolean NOT NULL DEFAULT false, -- counts towards the first-contact limit already
    settled_at      timestamptz,
    CONSTRAINT emails_class_check CHECK (class IN ('confirmation', 'urgent', 'letter', 'notice', 'update')),
    CONSTRAINT emails_state_check CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'uncertain', 'cancelled', 'bounced', 'complained')),
    CONSTRAINT emails_refs_check CHECK (jsonb_typeof(refs) = 'object'),
    CONSTRAINT emails_claim_check CHECK ((state = 'sending') = (claim_token IS NOT NULL) AND (claim_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT emails_settled_check CHECK ((state IN ('queued', 'sending')) = (settled_at IS NULL))
) PARTITION BY LIST ((settled_at IS NULL));

-- Vacuumed by the worker after every so many mails (src/mail/maintenance.rs); the settings are for when none runs.
-- Each claim gives a row a new place and its id a second entry in the index, which has room for it.
CREATE TABLE emails_waiting PARTITION OF emails (CONSTRAINT emails_waiting_pkey PRIMARY KEY (id) WITH (fillfactor = 50)) FOR VALUES IN (true)
    WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX emails_waiting_due_idx ON emails_waiting (class, due_at) WHERE state = 'queued' AND lane = '';
CREATE INDEX emails_waiting_lane_idx ON emails_waiting (lane, due_at) WHERE state = 'queued' AND lane <> '';
CREATE INDEX emails_waiting_lease_idx ON emails_waiting (lease_until) WHERE state = 'sending';
-- the mailboxes for which letters of an organization wait
CREATE INDEX emails_waiting_organization_lane_idx ON emails_waiting (organization_id, lane, due_at) WHERE state = 'queued' AND lane <> '';
-- so that a question for a state is put to the partitions alone that can have it
ALTER TABLE emails_waiting ADD CONSTRAINT emails_waiting_state_check CHECK (state IN ('queued', 'sending'));

-- By months, so that what is old goes at once and leaves nothing to clean up; rows are written once and rarely touched.
CREATE TABLE emails_settled PARTITION OF emails FOR VALUES IN (false) PARTITION BY RANGE (settled_at);
ALTER TABLE emails_settled ADD CONSTRAINT emails_settled_pkey PRIMARY KEY (id, settled_at);
ALTER TABLE emails_settled ADD CONSTRAINT emails_settled_state_check CHECK (state NOT IN ('queued', 'sending'));
-- what an organization sees of its mail, newest first
CREATE INDEX emails_settled_organization_id_idx ON emails_settled (organization_id, id);
CREATE INDEX emails_settled_at_idx ON emails_settled USING brin (settled_at);
CREATE INDEX emails_settled_not_sent_idx ON emails_settled (organization_id, state) WHERE state <> 'sent';
-- For months that nobody has made yet.
CREATE TABLE emails_settled_other PARTITION OF emails_settled DEFAULT;

-- Makes the partition of the month in which a day lies, unless it is there. Mails of that month that were settled before it
-- was made move into it.
CREATE FUNCTION create_mail_partition(a_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := date_trunc('month', a_day::timestamp) AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', a_day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    part text := 'emails_settled_' || to_char(a_day, 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    -- held by whoever makes this month, so that two processes do not make it at once
    PERFORM pg_advisory_xact_lock(hashtext(part));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM emails_settled_other WHERE settled_at >= starts AND settled_at < ends) THEN
        LOCK TABLE emails_settled_other IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE %I (LIKE emails_settled INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
                        WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', part);
        EXECUTE format('WITH gone AS (DELETE FROM emails_settled_other WHERE settled_at >= %L AND settled_at < %L RETURNING *) '
                       'INSERT INTO %I SELECT * FROM gone', starts, ends, part);
        EXECUTE format('ALTER TABLE emails_settled ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, starts, ends);
    ELSE
        EXECUTE format('CREATE TABLE %I PARTITION OF emails_settled FOR VALUES FROM (%L) TO (%L)
                        WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', part, starts, ends);
    END IF;
END $$;

-- Removes the months that ended on or before a day, whole; returns how many mails there were, roughly.
CREATE FUNCTION drop_mail_partitions(before date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    part text;
    mails bigint := 0;
BEGIN
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'emails_settled'::regclass AND c.relname ~ '^emails_settled_[0-9]{4}_[0-9]{2}$'
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= before
    LOOP
        mails := mails + (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = part::regclass);
        EXECUTE format('DROP TABLE %I', part);
    END LOOP;
    RETURN mails;
END $$;

SELECT create_mail_partition(current_date), create_mail_partition((current_date + interval '1 month')::date);

-- What became of mail, by the day (UTC) on which it was settled. Kept where mail is settled, so that nobody counts rows; goes
-- with the months (see src/mail/maintenance.rs).
CREATE TABLE mail_counts (
    organization_id uuid NOT NULL,
    class           text NOT NULL,
    state           text NOT NULL,
    day             date NOT NULL,
    mails           bigint NOT NULL,
    CONSTRAINT mail_counts_pkey PRIMARY KEY (organization_id, class, state, day)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX mail_counts_day_idx ON mail_counts (day);
-- Mails sent, by the minute; the last two hours.
CREATE TABLE mail_minutes (
    organization_id uuid NOT NULL,
    minute          timestamptz NOT NULL,
    sent            bigint NOT NULL,
    CONSTRAINT mail_minutes_pkey PRIMARY KEY (organization_id, minute)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX mail_minutes_minute_idx ON mail_minutes (minute);
-- The lanes that letters of an organization have gone by, and when last.
CREATE TABLE mail_lane_users (
    organization_id uuid NOT NULL,
    lane            text NOT NULL,
    day             date NOT NULL,
    CONSTRAINT mail_lane_users_pkey PRIMARY KEY (organization_id, lane)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX mail_lane_users_day_idx ON mail_lane_users (day);
-- What is to be added to these three. Appended, so that batches do not wait for each other; the tick folds it.
CREATE TABLE mail_count_deltas (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    organization_id uuid NOT NULL,
    class           text NOT NULL,
    state           text NOT NULL,
    lane            text NOT NULL,
    settled_at      timestamptz NOT NULL,
    delta           bigint NOT NULL,
    CONSTRAINT mail_count_deltas_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX mail_count_deltas_organization_id_idx ON mail_count_deltas (organization_id);

-- Counts what a statement settles, changes or takes back. Not what is deleted with its month.
CREATE FUNCTION count_settled_mail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO mail_count_deltas (organization_id, class, state, lane, settled_at, delta)
        SELECT o.organization_id, o.class, o.state, o.lane, o.settled_at, -count(*) FROM old_mails o GROUP BY 1, 2, 3, 4, 5;
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN
        INSERT INTO mail_count_deltas (organization_id, class, state, lane, settled_at, delta)
        SELECT n.organization_id, n.class, n.state, n.lane, n.settled_at, count(*) FROM new_mails n GROUP BY 1, 2, 3, 4, 5;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER emails_settled_inserted AFTER INSERT ON emails_settled REFERENCING NEW TABLE AS new_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE TRIGGER emails_settled_updated AFTER UPDATE ON emails_settled REFERENCING OLD TABLE AS old_mails NEW TABLE AS new_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE TRIGGER emails_settled_deleted AFTER DELETE ON emails_settled REFERENCING OLD TABLE AS old_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();

-- Mail of protected actions that has gone out, for the 72 hours in which it may come back: which mail it was, in ids, and
-- nothing of when. What is sent leaves no other row behind.
CREATE TABLE mail_bounce_lookups (
    id              uuid PRIMARY KEY, -- the mail's
    organization_id uuid NOT NULL,
    class           text NOT NULL,
    kind            text NOT NULL,
    lane            text NOT NULL,
    refs            jsonb NOT NULL,
    forget_on       date NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX mail_bounce_lookups_forget_on_idx ON mail_bounce_lookups (forget_on);

-- The pace at which one mailbox is written to; every process shares it.
CREATE TABLE mail_lanes (
    lane          text PRIMARY KEY,
    rate_per_hour integer NOT NULL DEFAULT 60,
    burst         integer NOT NULL DEFAULT 5, -- letters that may go at once after a quiet time
    opens_at      time, -- letters go between these two in the time zone, past midnight when it closes first; NULL: at any hour
    closes_at     time,
    timezone      text NOT NULL DEFAULT 'UTC', -- IANA name; read by the worker, never by Postgres, whose rules may be older
    paused        boolean NOT NULL DEFAULT false,
    pause_reason  text NOT NULL DEFAULT '', -- 'bounced', 'complained', 'unknown_time_zone': a human must look at it; '': as an organizer wishes
    next_at       timestamptz NOT NULL DEFAULT '-infinity', -- theoretical arrival time of the next letter (GCRA)
    CONSTRAINT mail_lanes_pause_reason_check CHECK (pause_reason IN ('', 'bounced', 'complained', 'unknown_time_zone') AND (paused OR pause_reason = '')),
    CONSTRAINT mail_lanes_window_check CHECK ((opens_at IS NULL) = (closes_at IS NULL) AND opens_at <> closes_at IS NOT FALSE),
    CONSTRAINT mail_lanes_rate_check CHECK (rate_per_hour BETWEEN 1 AND 100000),
    CONSTRAINT mail_lanes_burst_check CHECK (burst BETWEEN 1 AND 1000)
);
-- The hours that there are: each claim asks, and few lanes have any.
CREATE INDEX mail_lanes_hours_idx ON mail_lanes (timezone, opens_at, closes_at) WHERE opens_at IS NOT NULL AND NOT paused;

-- Letters of a mailbox that came back as undeliverable, or as spam, by a report of mail from outside. Whoever can read one
-- letter can forge such a report about it, so a mailbox is paused only after several different letters within a day.
CREATE TABLE mail_lane_bounces (
    lane        text NOT NULL, -- the mailbox's id
    mail_id     uuid NOT NULL,
    bounced_at  timestamptz NOT NULL, -- protected: the day
    CONSTRAINT mail_lane_bounces_pkey PRIMARY KEY (lane, mail_id)
);

-- The pace that a relay allows, and whether it takes mail from us at all; every process shares it.
CREATE TABLE mail_relays (
    relay         text PRIMARY KEY, -- host:port
    rate_per_hour integer, -- NULL: as fast as it takes mail
    next_at       timestamptz NOT NULL DEFAULT '-infinity', -- as for lanes; the burst is a minute's worth
    refused_since timestamptz, -- it refuses our account or everything: it is given one mail at a time, at retry_at
    refusal       text NOT NULL DEFAULT '', -- its words, without addresses
    refusals      integer NOT NULL DEFAULT 0, -- in a row; the time to the next try grows with them
    retry_at      timestamptz,
    CONSTRAINT mail_relays_refused_check CHECK ((refused_since IS NULL) = (retry_at IS NULL)),
    CONSTRAINT mail_relays_rate_check CHECK (rate_per_hour BETWEEN 1 AND 100000000)
);

-- What does not go out at present, for the whole installation: a class, or everything.
CREATE TABLE mail_pauses (
    scope      text PRIMARY KEY,
    reason     text NOT NULL DEFAULT '', -- 'restored', 'unverified', 'other_database': see src/mail/restore_guard.rs; else an organizer's words
    created_at timestamptz NOT NULL,
    CONSTRAINT mail_pauses_scope_check CHECK (scope IN ('everything', 'confirmation', 'urgent', 'letter', 'notice', 'update'))
);

-- Pauses that have ended, for as long as a mail may be too late to be of use: in a pause no mail grows old.
CREATE TABLE mail_pauses_ended (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope      text NOT NULL,
    began_at   timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL
);
CREATE INDEX mail_pauses_ended_at_idx ON mail_pauses_ended (ended_at);

-- What organizers set for the whole installation while it runs.
CREATE TABLE mail_controls (
    only_one                boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    first_contacts_per_hour bigint, -- NULL: as in the settings
    CONSTRAINT mail_controls_first_contacts_check CHECK (first_contacts_per_hour > 0)
);
INSERT INTO mail_controls DEFAULT VALUES;

-- Mails that are settled and whose slice could not be told what became of them: it is told later, until that works.
CREATE TABLE mail_pending_callbacks (
    email_id        uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    class           text NOT NULL,
    kind            text NOT NULL,
    lane            text NOT NULL,
    refs            jsonb NOT NULL,
    protected       boolean NOT NULL,
    status          text NOT NULL,
    address_effect  text NOT NULL DEFAULT '', -- what follows for the address: '', 'strike', 'dead'
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    CONSTRAINT mail_pending_callbacks_status_check CHECK (status IN ('sent', 'failed', 'uncertain', 'cancelled')),
    CONSTRAINT mail_pending_callbacks_effect_check CHECK (address_effect IN ('', 'strike', 'dead'))
);
CREATE INDEX mail_pending_callbacks_due_at_idx ON mail_pending_callbacks (due_at);

-- Counts up while mail goes out. The number is also kept in a file beside the keyring: a database with a lower number than
-- the file's was restored from a copy, and would send again what had gone out since.
CREATE TABLE mail_epoch (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    number   bigint NOT NULL
);
INSERT INTO mail_epoch (number) VALUES (0);

-- What became of mail by the domain it went to. Only the great providers are named: a small domain may name a person.
CREATE TABLE mail_provider_counts (
    day        date NOT NULL,
    provider   text NOT NULL, -- or 'other'
    sent       bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    bounced    bigint NOT NULL DEFAULT 0,
    complained bigint NOT NULL DEFAULT 0,
    CONSTRAINT mail_provider_counts_pkey PRIMARY KEY (day, provider)
);

-- How many unrequested confirmations an address got today. Keyed by a secret that is thrown away with the day; unlogged:
-- it may be lost, it must never be found in a backup.
CREATE UNLOGGED TABLE confirmation_caps (
    day          date NOT NULL,
    address_hash bytea NOT NULL,
    sent         smallint NOT NULL,
    CONSTRAINT confirmation_caps_pkey PRIMARY KEY (day, address_hash)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02);
-- How many first mails to an address the whole installation has sent in an hour: the brake.
CREATE UNLOGGED TABLE first_contacts (
    hour timestamptz PRIMARY KEY,
    sent bigint NOT NULL
);
CREATE UNLOGGED TABLE day_secrets (
    day    date PRIMARY KEY,
    secret bytea NOT NULL
);
