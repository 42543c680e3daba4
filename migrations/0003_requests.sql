-- Short-lived state of requests (idempotency keys, proofs of work, failed attempts), background jobs and leader leases.

CREATE TABLE idempotency_keys (
    key         bytea PRIMARY KEY, -- HMAC of API token and Idempotency-Key
    request     bytea NOT NULL, -- HMAC of method, path and body: the same key with another request is refused (422)
    resource_id uuid NOT NULL,
    status      smallint NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_status_check CHECK (status BETWEEN 200 AND 299)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

CREATE TYPE spent_key AS (act_id uuid, resource_id uuid, outcome text);
CREATE TYPE keyed_act AS (id uuid, key bytea, request bytea, created_at timestamptz);

-- Used proofs of work: each is accepted once.
CREATE UNLOGGED TABLE used_challenges (
    challenge  text PRIMARY KEY,
    expires_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX used_challenges_expires_at_idx ON used_challenges (expires_at);

-- Failed attempts at passwords and codes, shared by all processes. Unlogged: in no backup, and emptied after a crash.
CREATE UNLOGGED TABLE attempts (
    key      bytea PRIMARY KEY, -- HMAC under the secret of the day, of the purpose, the window, and the subject, the source or both
    failures bigint NOT NULL,
    ends_at  timestamptz NOT NULL, -- end of the window in which they are counted
    CONSTRAINT attempts_key_check CHECK (octet_length(key) = 32),
    CONSTRAINT attempts_failures_check CHECK (failures >= 0)
);
CREATE INDEX attempts_ends_at_idx ON attempts (ends_at);

-- Background jobs, which run in small steps (src/kernel/jobs/mod.rs): one row per job that is not finished, or has
-- failed.
CREATE TABLE jobs (
    kind            text NOT NULL,
    id              uuid NOT NULL, -- id of the row that the job works on: an import, a broadcast, a letter action
    organization_id uuid NOT NULL REFERENCES organizations (id),
    state           text NOT NULL DEFAULT 'running',
    attempts        integer NOT NULL DEFAULT 0, -- consecutive failed steps
    next_at         timestamptz NOT NULL, -- earliest time of the next step
    generation      bigint NOT NULL DEFAULT 1, -- times it was enqueued; a step begun in an earlier generation does not change the job
    cursor          uuid, -- position from which the next step continues
    done            bigint NOT NULL DEFAULT 0, -- rows processed in this generation
    last_error      text, -- a code of the list in src/kernel/jobs/mod.rs, never a message
    claim_token     uuid, -- the process that is running a step
    lease_until     timestamptz, -- end of its lease, by the database's clock; after that another may run the step
    created_at      timestamptz NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (kind, id),
    CONSTRAINT jobs_state_check CHECK (state IN ('running', 'failed')),
    CONSTRAINT jobs_attempts_check CHECK (attempts BETWEEN 0 AND 10),
    CONSTRAINT jobs_failed_check CHECK (state <> 'failed' OR last_error IS NOT NULL),
    CONSTRAINT jobs_claim_check CHECK ((claim_token IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 50);
CREATE INDEX jobs_due_idx ON jobs (kind, next_at) WHERE state = 'running';
CREATE INDEX jobs_organization_id_idx ON jobs (organization_id);

-- Fair scheduling: when a step of a kind last ran for an organization; the one that has waited longest is next.
CREATE TABLE job_last_steps (
    kind            text NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    last_step_at    timestamptz NOT NULL, -- by the database's clock
    CONSTRAINT job_last_steps_pkey PRIMARY KEY (kind, organization_id)
) WITH (fillfactor = 50);
CREATE INDEX job_last_steps_organization_id_idx ON job_last_steps (organization_id);

-- On which day (UTC) a job that runs once a day was done last.
CREATE TABLE daily_jobs (
    job     text PRIMARY KEY,
    done_on date NOT NULL
);

-- Leader leases (src/kernel/leader_election.rs): periodic work that one process runs for all, such as the tick and
-- maintenance.
CREATE TABLE leases (
    name   text PRIMARY KEY,
    holder uuid, -- the leader; null: none, and none is needed before `until`
    until  timestamptz NOT NULL -- by the database's clock
) WITH (fillfactor = 50);

-- Tables from which data that must end was deleted, until they are written anew: VACUUM frees the space of a row, but its
-- bytes stay in the file until other rows need the space.
CREATE TABLE table_sweeps (
    name       text PRIMARY KEY,
    deleted_by xid8 NOT NULL, -- the last transaction that deleted; the table waits until no older snapshot sees its rows
    since      timestamptz NOT NULL
);
