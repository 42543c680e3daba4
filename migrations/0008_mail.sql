-- The mail queue. A row says which message is due and what became of it, never to whom or what: the message is composed
-- from the ids in `refs` when it is sent.

CREATE TABLE emails (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
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
    return_token    text, -- the VERP token of the envelope's sender, cleared after seven days (protected: 72 h)
    failure         text, -- reply code and text of the relay, without addresses
    created_at      timestamptz NOT NULL,
    settled_at      timestamptz,
    CONSTRAINT emails_class_check CHECK (class IN ('confirmation', 'urgent', 'letter', 'notice', 'update')),
    CONSTRAINT emails_state_check CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'uncertain', 'cancelled', 'bounced', 'complained')),
    CONSTRAINT emails_refs_check CHECK (jsonb_typeof(refs) = 'object'),
    CONSTRAINT emails_claim_check CHECK ((state = 'sending') = (claim_token IS NOT NULL) AND (claim_token IS NULL) = (lease_until IS NULL)),
    CONSTRAINT emails_settled_check CHECK ((state IN ('queued', 'sending')) = (settled_at IS NULL)),
    CONSTRAINT emails_return_token_key UNIQUE (return_token)
) WITH (fillfactor = 80);
CREATE INDEX emails_due_idx ON emails (class, due_at) WHERE state = 'queued' AND lane = '';
CREATE INDEX emails_lane_due_idx ON emails (lane, due_at) WHERE state = 'queued' AND lane <> '';
CREATE INDEX emails_lease_idx ON emails (lease_until) WHERE state = 'sending';
CREATE INDEX emails_settled_at_idx ON emails (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX emails_organization_id_idx ON emails (organization_id);

-- The pace at which one mailbox is written to; every process shares it.
CREATE TABLE mail_lanes (
    lane          text PRIMARY KEY,
    rate_per_hour integer NOT NULL DEFAULT 60,
    burst         integer NOT NULL DEFAULT 5, -- letters that may go at once after a quiet time
    paused        boolean NOT NULL DEFAULT false,
    pause_reason  text NOT NULL DEFAULT '', -- 'bounced', 'complained': a human must look at the address; '': as an organizer wishes
    next_at       timestamptz NOT NULL DEFAULT '-infinity', -- theoretical arrival time of the next letter (GCRA)
    CONSTRAINT mail_lanes_pause_reason_check CHECK (pause_reason IN ('', 'bounced', 'complained') AND (paused OR pause_reason = '')),
    CONSTRAINT mail_lanes_rate_check CHECK (rate_per_hour BETWEEN 1 AND 100000),
    CONSTRAINT mail_lanes_burst_check CHECK (burst BETWEEN 1 AND 1000)
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
