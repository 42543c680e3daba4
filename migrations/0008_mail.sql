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
    settled_at      timestamptz,
    CONSTRAINT emails_class_check CHECK (class IN ('confirmation', 'urgent', 'letter', 'notice', 'update')),
    CONSTRAINT emails_state_check CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'uncertain', 'cancelled', 'bounced', 'complained')),
    CONSTRAINT emails_refs_check CHECK (jsonb_typeof(refs) = 'object'),
    CONSTRAINT emails_claim_check CHECK ((state = 'sending') = (claim_token IS NOT NULL) AND (claim_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT emails_settled_check CHECK ((state IN ('queued', 'sending')) = (settled_at IS NULL))
) PARTITION BY LIST ((settled_at IS NULL));

-- Vacuumed by the worker after every so many mails (src/mail/upkeep.rs); the settings are for when none runs.
-- Each claim gives a row a new place and its id a second entry in the index, which has room for it.
CREATE TABLE emails_waiting PARTITION OF emails (CONSTRAINT emails_waiting_pkey PRIMARY KEY (id) WITH (fillfactor = 50)) FOR VALUES IN (true)
    WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX emails_waiting_due_idx ON emails_waiting (class, due_at) WHERE state = 'queued' AND lane = '';
CREATE INDEX emails_waiting_lane_idx ON emails_waiting (lane, due_at) WHERE state = 'queued' AND lane <> '';
CREATE INDEX emails_waiting_lease_idx ON emails_waiting (lease_until) WHERE state = 'sending';

-- By months, so that what is old goes at once and leaves nothing to clean up; rows are written once and rarely touched.
CREATE TABLE emails_settled PARTITION OF emails FOR VALUES IN (false) PARTITION BY RANGE (settled_at);
CREATE INDEX emails_settled_id_idx ON emails_settled (id);
CREATE INDEX emails_settled_at_idx ON emails_settled USING brin (settled_at);
CREATE INDEX emails_settled_unhappy_idx ON emails_settled (organization_id, state) WHERE state IN ('failed', 'uncertain', 'bounced', 'complained');
-- For months that nobody has made yet.
CREATE TABLE emails_settled_other PARTITION OF emails_settled DEFAULT;

-- Makes the partition of the month in which a day lies, unless it is there. A month of which mails lie in
-- emails_settled_other already is left there.
CREATE FUNCTION make_mail_month(a_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := date_trunc('month', a_day::timestamp) AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', a_day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    part text := 'emails_settled_' || to_char(a_day, 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NULL AND NOT EXISTS (SELECT FROM emails_settled_other WHERE settled_at >= starts AND settled_at < ends) THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF emails_settled FOR VALUES FROM (%L) TO (%L)', part, starts, ends);
    END IF;
END $$;

-- Removes the months that ended on or before a day, whole; returns how many mails there were, roughly.
CREATE FUNCTION drop_mail_months(before date) RETURNS bigint LANGUAGE plpgsql AS $$
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

SELECT make_mail_month(current_date), make_mail_month((current_date + interval '1 month')::date);

-- Mail of protected actions that has gone out, for the 72 hours in which it may come back: which mail it was, in ids, and
-- nothing of when. What is sent leaves no other row behind.
CREATE TABLE mail_returns (
    id              uuid PRIMARY KEY, -- the mail's
    organization_id uuid NOT NULL,
    class           text NOT NULL,
    kind            text NOT NULL,
    lane            text NOT NULL,
    refs            jsonb NOT NULL,
    forget_on       date NOT NULL
);
CREATE INDEX mail_returns_forget_on_idx ON mail_returns (forget_on);

-- The pace at which one mailbox is written to; every process shares it.
CREATE TABLE mail_lanes (
    lane          text PRIMARY KEY,
    rate_per_hour integer NOT NULL DEFAULT 60,
    burst         integer NOT NULL DEFAULT 5, -- letters that may go at once after a quiet time
    opens_at      time, -- letters go between these two in the time zone, past midnight when it closes first; NULL: at any hour
    closes_at     time,
    timezone      text NOT NULL DEFAULT 'UTC',
    paused        boolean NOT NULL DEFAULT false,
    pause_reason  text NOT NULL DEFAULT '', -- 'bounced', 'complained': a human must look at the address; '': as an organizer wishes
    next_at       timestamptz NOT NULL DEFAULT '-infinity', -- theoretical arrival time of the next letter (GCRA)
    CONSTRAINT mail_lanes_pause_reason_check CHECK (pause_reason IN ('', 'bounced', 'complained') AND (paused OR pause_reason = '')),
    CONSTRAINT mail_lanes_window_check CHECK ((opens_at IS NULL) = (closes_at IS NULL) AND opens_at <> closes_at IS NOT FALSE),
    CONSTRAINT mail_lanes_rate_check CHECK (rate_per_hour BETWEEN 1 AND 100000),
    CONSTRAINT mail_lanes_burst_check CHECK (burst BETWEEN 1 AND 1000)
);

-- The pace that a relay allows; every process shares it.
CREATE TABLE mail_relays (
    relay         text PRIMARY KEY, -- host:port
    rate_per_hour integer, -- NULL: as fast as it takes mail
    next_at       timestamptz NOT NULL DEFAULT '-infinity', -- as for lanes; the burst is a minute's worth
    CONSTRAINT mail_relays_rate_check CHECK (rate_per_hour BETWEEN 1 AND 100000000)
);

-- What does not go out at present, for the whole installation: a class, or everything.
CREATE TABLE mail_pauses (
    scope      text PRIMARY KEY,
    reason     text NOT NULL DEFAULT '', -- 'restored': this database is older than the mail that went out; else an organizer's words
    created_at timestamptz NOT NULL,
    CONSTRAINT mail_pauses_scope_check CHECK (scope IN ('everything', 'confirmation', 'urgent', 'letter', 'notice', 'update'))
);

-- Counts up while mail goes out. The number is also kept in a file beside the keyring: a database with a lower number than
-- the file's was restored from a copy, and would send again what had gone out since.
CREATE TABLE mail_epoch (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    number   bigint NOT NULL
);
INSERT INTO mail_epoch (number) VALUES (0);

-- What became of mail by the domain it went to. Only the great providers are named: a small domain may name a person.
CREATE TABLE mail_domains (
    day        date NOT NULL,
    domain     text NOT NULL, -- or 'other'
    sent       bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    bounced    bigint NOT NULL DEFAULT 0,
    complained bigint NOT NULL DEFAULT 0,
    CONSTRAINT mail_domains_pkey PRIMARY KEY (day, domain)
);

-- How many unrequested confirmations an address got today. Keyed by a secret that is thrown away with the day; unlogged:
-- it may be lost, it must never be found in a backup.
CREATE UNLOGGED TABLE confirmation_caps (
    day          date NOT NULL,
    address_hash bytea NOT NULL,
    sent         smallint NOT NULL,
    CONSTRAINT confirmation_caps_pkey PRIMARY KEY (day, address_hash)
);
-- How many first mails to an address the whole installation has sent in an hour: the brake.
CREATE UNLOGGED TABLE first_contacts (
    hour timestamptz PRIMARY KEY,
    sent bigint NOT NULL
);
CREATE UNLOGGED TABLE day_secrets (
    day    date PRIMARY KEY,
    secret bytea NOT NULL
);
