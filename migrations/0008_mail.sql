-- The mail queue. A row holds the state of a message, and neither recipient nor content: the message is composed from
-- the ids in `refs` when it is sent.
--
-- Waiting and settled mails are in different partitions: settling moves a row, so the table that is claimed from
-- stays as small as the queue is, however much was sent. Code that queues, claims or settles names the partition;
-- code that only reads may select from `emails`.

-- The row that a mail is about, as text: that of somebody's act, or of a person. All ids of people's rows in `refs` have one of
-- these names (src/mail/erasure.rs).
CREATE FUNCTION mail_subject(refs jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(refs ->> 'signature', refs ->> 'attendance', refs ->> 'letter', refs ->> 'outreach', refs ->> 'person')
$$;

CREATE TABLE emails (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL, -- copied from the action's row; no foreign key, to save a check for each mail
    class           text NOT NULL,
    kind            text NOT NULL,
    lane            text NOT NULL DEFAULT '', -- letters: the mailbox's id; others: ''
    refs            jsonb NOT NULL, -- object of the ids that the mail's kind composes it from; no personal data
    protected       boolean NOT NULL DEFAULT false, -- the row is deleted once settled
    state           text NOT NULL,
    due_at          timestamptz NOT NULL,
    attempts        smallint NOT NULL DEFAULT 0, -- incremented when claimed
    claim_token     uuid,
    lease_until     timestamptz,
    data_at         timestamptz, -- when sending of a letter's content began under the present claim; if the lease expires then, it is uncertain
    failure         text, -- reply code and text of the relay, without addresses
    created_at      timestamptz NOT NULL,
    queued_at       timestamptz, -- when an organizer or a pause last put it back into the queue; its age counts from then, else from created_at
    refused_at      timestamptz, -- when a relay first refused it permanently; only a second refusal is final (src/mail/retry_policy.rs)
    breaks          smallint NOT NULL DEFAULT 0, -- number of connections lost during it
    first_counted   boolean NOT NULL DEFAULT false, -- it is already counted towards the first-contact limit
    settled_at      timestamptz,
    CONSTRAINT emails_class_check CHECK (class IN ('confirmation', 'urgent', 'letter', 'notice', 'update')),
    CONSTRAINT emails_state_check CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'uncertain', 'cancelled', 'bounced', 'complained')),
    CONSTRAINT emails_refs_check CHECK (jsonb_typeof(refs) = 'object'),
    CONSTRAINT emails_claim_check CHECK ((state = 'sending') = (claim_token IS NOT NULL) AND (claim_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT emails_settled_check CHECK ((state IN ('queued', 'sending')) = (settled_at IS NULL))
) PARTITION BY LIST ((settled_at IS NULL));

-- Vacuumed by the worker after every 20,000 mails (src/mail/maintenance.rs); the autovacuum settings apply when no
-- worker runs. Each claim is an update that changes indexed columns: a new row version, and a second entry for the id
-- in the primary key's index. Both have free space for it (fillfactor).
CREATE TABLE emails_waiting PARTITION OF emails (CONSTRAINT emails_waiting_pkey PRIMARY KEY (id) WITH (fillfactor = 50)) FOR VALUES IN (true)
    WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX emails_waiting_due_idx ON emails_waiting (class, due_at) WHERE state = 'queued' AND lane = '';
CREATE INDEX emails_waiting_lane_idx ON emails_waiting (lane, due_at) WHERE state = 'queued' AND lane <> '';
CREATE INDEX emails_waiting_lease_idx ON emails_waiting (lease_until) WHERE state = 'sending';
-- for the lanes in which letters of an organization wait
CREATE INDEX emails_waiting_organization_lane_idx ON emails_waiting (organization_id, lane, due_at) WHERE state = 'queued' AND lane <> '';
-- lets the planner exclude partitions that cannot have a state (constraint exclusion)
ALTER TABLE emails_waiting ADD CONSTRAINT emails_waiting_state_check CHECK (state IN ('queued', 'sending'));

-- Partitioned by month, so that expired mail is dropped as a whole and leaves nothing to vacuum. Rows are rarely
-- updated.
CREATE TABLE emails_settled PARTITION OF emails FOR VALUES IN (false) PARTITION BY RANGE (settled_at);
ALTER TABLE emails_settled ADD CONSTRAINT emails_settled_pkey PRIMARY KEY (id, settled_at);
ALTER TABLE emails_settled ADD CONSTRAINT emails_settled_state_check CHECK (state NOT IN ('queued', 'sending'));
-- for the list of an organization's mail, newest first
CREATE INDEX emails_settled_organization_id_idx ON emails_settled (organization_id, id);
CREATE INDEX emails_settled_at_idx ON emails_settled USING brin (settled_at);
CREATE INDEX emails_settled_not_sent_idx ON emails_settled (organization_id, state, id) WHERE state <> 'sent';
CREATE INDEX emails_settled_subject_idx ON emails_settled (mail_subject(refs)) WHERE mail_subject(refs) IS NOT NULL;
-- For months whose partition does not exist yet.
CREATE TABLE emails_settled_other PARTITION OF emails_settled DEFAULT;

-- Number of settled mails by class, state and day (UTC) of settling. Maintained by a trigger, so that rows need not
-- be counted; deleted with the monthly partitions (src/mail/maintenance.rs).
CREATE TABLE mail_counts (
    organization_id uuid NOT NULL,
    class           text NOT NULL,
    state           text NOT NULL,
    day             date NOT NULL,
    mails           bigint NOT NULL,
    CONSTRAINT mail_counts_pkey PRIMARY KEY (organization_id, class, state, day)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX mail_counts_day_idx ON mail_counts (day);
-- Number of mails sent per minute, of the last two hours.
CREATE TABLE mail_minutes (
    organization_id uuid NOT NULL,
    minute          timestamptz NOT NULL,
    sent            bigint NOT NULL,
    CONSTRAINT mail_minutes_pkey PRIMARY KEY (organization_id, minute)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX mail_minutes_minute_idx ON mail_minutes (minute);
-- The lanes in which an organization had letters, and the day (UTC) of the last one.
CREATE TABLE mail_lane_users (
    organization_id uuid NOT NULL,
    lane            text NOT NULL,
    day             date NOT NULL,
    CONSTRAINT mail_lane_users_pkey PRIMARY KEY (organization_id, lane)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX mail_lane_users_day_idx ON mail_lane_users (day);
-- Changes to be added to these three tables. Append-only, so that batches do not wait for each other's row locks;
-- folded by the tick.
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

-- Mail of protected actions that was sent, kept for 72 hours so that bounces can be matched: ids only, and no time of
-- sending. Sent mail of protected actions leaves no other row.
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

-- Lanes: rate limit, hours and pause of each official's mailbox, shared by all processes.
CREATE TABLE mail_lanes (
    lane          text PRIMARY KEY, -- the mailbox's id
    rate_per_hour integer NOT NULL DEFAULT 60,
    burst         integer NOT NULL DEFAULT 5, -- letters that may be sent at once when none was sent for a while
    opens_at      time, -- letters are sent between these two, past midnight if closes_at is earlier; NULL: at any time
    closes_at     time,
    timezone      text NOT NULL DEFAULT 'UTC', -- IANA name; evaluated by the worker, never by Postgres, whose time zone data may be older
    paused        boolean NOT NULL DEFAULT false,
    pause_reason  text NOT NULL DEFAULT '', -- 'bounced', 'complained', 'unknown_time_zone': a human must look; '': paused by an organizer
    next_at       timestamptz NOT NULL DEFAULT '-infinity', -- theoretical arrival time of the next letter (GCRA)
    CONSTRAINT mail_lanes_pause_reason_check CHECK (pause_reason IN ('', 'bounced', 'complained', 'unknown_time_zone') AND (paused OR pause_reason = '')),
    CONSTRAINT mail_lanes_window_check CHECK ((opens_at IS NULL) = (closes_at IS NULL) AND opens_at <> closes_at IS NOT FALSE),
    CONSTRAINT mail_lanes_rate_check CHECK (rate_per_hour BETWEEN 1 AND 100000),
    CONSTRAINT mail_lanes_burst_check CHECK (burst BETWEEN 1 AND 1000)
);
-- For the distinct hours of lanes, which each claim reads; few lanes have hours.
CREATE INDEX mail_lanes_hours_idx ON mail_lanes (timezone, opens_at, closes_at) WHERE opens_at IS NOT NULL AND NOT paused;

-- Letters that were reported as undeliverable or as spam by returned mail. Anybody who can read a letter can forge
-- such a report about it, so a lane is paused only after three different letters within a day.
CREATE TABLE mail_lane_bounces (
    lane        text NOT NULL, -- the mailbox's id
    mail_id     uuid NOT NULL,
    bounced_at  timestamptz NOT NULL, -- of a protected action: the day only
    CONSTRAINT mail_lane_bounces_pkey PRIMARY KEY (lane, mail_id)
);

-- SMTP relays: rate limit and circuit breaker of each, shared by all processes.
CREATE TABLE mail_relays (
    relay         text PRIMARY KEY, -- host:port
    rate_per_hour integer, -- NULL: as fast as it accepts mail
    next_at       timestamptz NOT NULL DEFAULT '-infinity', -- as for lanes (GCRA); the burst is one minute's worth
    refused_since timestamptz, -- circuit breaker open since then: it refuses our account or everything, and gets probes only
    refusal       text NOT NULL DEFAULT '', -- its reply, without addresses
    refusals      integer NOT NULL DEFAULT 0, -- consecutive refusals; the delay to the next probe grows with them
    retry_at      timestamptz, -- time of the next probe
    smtputf8      boolean, -- did it offer SMTPUTF8 (RFC 6531) at the last connection? NULL: none was made yet
    CONSTRAINT mail_relays_refused_check CHECK ((refused_since IS NULL) = (retry_at IS NULL)),
    CONSTRAINT mail_relays_rate_check CHECK (rate_per_hour BETWEEN 1 AND 100000000)
);

-- Pauses in effect, of a class or of everything, for the whole installation.
CREATE TABLE mail_pauses (
    scope      text PRIMARY KEY,
    reason     text NOT NULL DEFAULT '', -- 'restored', 'unverified', 'other_database' (src/mail/restore_guard.rs), or an organizer's text
    created_at timestamptz NOT NULL,
    CONSTRAINT mail_pauses_scope_check CHECK (scope IN ('everything', 'confirmation', 'urgent', 'letter', 'notice', 'update'))
);

-- Pauses in effect, of a class or of everything, for the mail of one organization.
CREATE TABLE mail_organization_pauses (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    scope           text NOT NULL,
    reason          text NOT NULL DEFAULT '', -- an organizer's text
    created_at      timestamptz NOT NULL,
    CONSTRAINT mail_organization_pauses_pkey PRIMARY KEY (organization_id, scope),
    CONSTRAINT mail_organization_pauses_scope_check CHECK (scope IN ('everything', 'confirmation', 'urgent', 'letter', 'notice', 'update'))
);

-- Ended pauses, kept for 30 days: their time does not count towards the age at which mail is cancelled.
CREATE TABLE mail_pauses_ended (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid, -- null: of the whole installation
    scope      text NOT NULL,
    began_at   timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL
);
CREATE INDEX mail_pauses_ended_at_idx ON mail_pauses_ended (ended_at);

-- Settings that organizers change at run time, for the whole installation. One row.
CREATE TABLE mail_controls (
    only_one                boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    first_contacts_per_hour bigint, -- NULL: the setting mail.first_contacts_per_hour applies
    CONSTRAINT mail_controls_first_contacts_check CHECK (first_contacts_per_hour > 0)
);
INSERT INTO mail_controls DEFAULT VALUES;

-- Failed mails that an organizer queues again, when they are too many for one request: a job goes through the rest.
CREATE TABLE mail_retries (
    id              uuid PRIMARY KEY, -- of its row in `jobs`
    organization_id uuid NOT NULL REFERENCES organizations (id),
    filter          text NOT NULL, -- as requested: by state, class and kind, never by person; '': all
    asked_at        timestamptz NOT NULL -- mails that fail later are not queued again
);
CREATE INDEX mail_retries_organization_id_idx ON mail_retries (organization_id);

-- Settled mails whose settlement callback failed; it is retried until it succeeds.
CREATE TABLE mail_pending_callbacks (
    email_id        uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    class           text NOT NULL,
    kind            text NOT NULL,
    lane            text NOT NULL,
    refs            jsonb NOT NULL,
    protected       boolean NOT NULL,
    status          text NOT NULL,
    address_effect  text NOT NULL DEFAULT '', -- effect on the address: '' none, 'strike', 'dead' (suppressed)
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    CONSTRAINT mail_pending_callbacks_status_check CHECK (status IN ('sent', 'failed', 'uncertain', 'cancelled')),
    CONSTRAINT mail_pending_callbacks_effect_check CHECK (address_effect IN ('', 'strike', 'dead'))
);
CREATE INDEX mail_pending_callbacks_due_at_idx ON mail_pending_callbacks (due_at);

-- The mail epoch: a counter that is advanced while mail is sent, and also kept in a file beside the keyring. A
-- database with a lower number than the file's was restored from a backup, and would send mail again that was sent
-- since (src/mail/restore_guard.rs). One row.
CREATE TABLE mail_epoch (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    number   bigint NOT NULL
);
INSERT INTO mail_epoch (number) VALUES (0);

-- Delivery results by the recipient's mail provider. Only large providers are named, because a small domain may
-- identify a person.
CREATE TABLE mail_provider_counts (
    day        date NOT NULL,
    provider   text NOT NULL, -- domain of a large provider, or 'other'
    sent       bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    bounced    bigint NOT NULL DEFAULT 0,
    complained bigint NOT NULL DEFAULT 0,
    CONSTRAINT mail_provider_counts_pkey PRIMARY KEY (day, provider)
);

-- Daily cap: number of unrequested confirmations sent to an address today. Hashed under the secret of the day, which
-- is deleted with the day. Unlogged: it may be lost in a crash, but must never be in a backup.
CREATE UNLOGGED TABLE confirmation_caps (
    day          date NOT NULL,
    address_hash bytea NOT NULL, -- of an address; or of a mail's id, which marks that the mail was counted
    sent         smallint NOT NULL,
    CONSTRAINT confirmation_caps_pkey PRIMARY KEY (day, address_hash)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02);
-- Rate limit on first contacts: number of first mails to addresses that the installation has sent in an hour.
CREATE UNLOGGED TABLE first_contacts (
    hour timestamptz PRIMARY KEY,
    sent bigint NOT NULL
);
CREATE UNLOGGED TABLE day_secrets (
    day    date PRIMARY KEY,
    secret bytea NOT NULL
);
