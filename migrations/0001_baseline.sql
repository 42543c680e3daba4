-- The schema of the first release: tables, types, indexes, constraints. Functions and triggers are in migrations/functions/.

-- ===== organizations =====

-- Organizations, organizers, invitations, API tokens and sessions, and the audit log.

CREATE TABLE organizations (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    slug        text NOT NULL,
    locale      text NOT NULL DEFAULT 'en', -- the language mail and pages fall back to
    postal_address text NOT NULL DEFAULT '', -- stands in every email update, without which none may be sent (CASL); '': not said yet
    retention_months smallint NOT NULL DEFAULT 12, -- standard actions: from the end of an action to the end of its data
    abuse_settings jsonb NOT NULL DEFAULT '{}', -- limits and switches that hold floods back (see src/petitions/abuse.rs)
    created_at  timestamptz NOT NULL,
    CONSTRAINT organizations_abuse_settings_check CHECK (jsonb_typeof(abuse_settings) = 'object'),
    CONSTRAINT organizations_retention_months_check CHECK (retention_months BETWEEN 1 AND 120),
    CONSTRAINT organizations_slug_key UNIQUE (slug),
    CONSTRAINT organizations_postal_address_check CHECK (char_length(postal_address) <= 500),
    CONSTRAINT organizations_name_check CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT organizations_locale_check CHECK (locale IN ('en', 'fr', 'es', 'pa'))
);

CREATE TABLE organizers (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    email           text NOT NULL, -- normalised; not encrypted: organizers are staff, and sign in with it
    name            text NOT NULL,
    role            text NOT NULL,
    is_operator     boolean NOT NULL DEFAULT false, -- may change what concerns every organization (mail); given by the command line
    password_hash   text NOT NULL, -- argon2id, PHC string format
    disabled_at     timestamptz,
    created_at      timestamptz NOT NULL,
    CONSTRAINT organizers_email_key UNIQUE (email),
    CONSTRAINT organizers_role_check CHECK (role IN ('owner', 'organizer', 'host', 'viewer'))
);
CREATE INDEX organizers_organization_id_idx ON organizers (organization_id, id);

-- Invitations that were not accepted yet. Accepting one deletes it and makes the organizer, in one transaction: its link
-- works once. Its link is derived from the id and the generation, so a stolen database has none.
CREATE TABLE invitations (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    email           text NOT NULL, -- normalised, as in organizers
    name            text NOT NULL,
    role            text NOT NULL,
    locale          text NOT NULL, -- of the mail
    invited_by      uuid NOT NULL REFERENCES organizers (id),
    link_generation smallint NOT NULL DEFAULT 0, -- raised when the same address is invited again: the earlier link is void
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT invitations_organization_email_key UNIQUE (organization_id, email),
    CONSTRAINT invitations_role_check CHECK (role IN ('owner', 'organizer', 'host', 'viewer')),
    CONSTRAINT invitations_expires_at_check CHECK (expires_at > created_at)
);
CREATE INDEX invitations_invited_by_idx ON invitations (invited_by);
CREATE INDEX invitations_expires_at_idx ON invitations (expires_at);

-- Requests for a new password that were not used yet. There is one for each request, also for addresses that nobody has, so
-- that the answer takes as long. Using one deletes it.
CREATE TABLE password_resets (
    id           uuid PRIMARY KEY,
    organizer_id uuid REFERENCES organizers (id) ON DELETE CASCADE, -- null: nobody has the address, and no mail is sent
    locale       text NOT NULL, -- of the mail
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT password_resets_expires_at_check CHECK (expires_at > created_at)
);
CREATE INDEX password_resets_organizer_id_idx ON password_resets (organizer_id);
CREATE INDEX password_resets_expires_at_idx ON password_resets (expires_at);

CREATE TABLE api_tokens (
    id           uuid PRIMARY KEY,
    organizer_id uuid NOT NULL REFERENCES organizers (id),
    name         text NOT NULL,
    token_hash   bytea NOT NULL, -- SHA-256 of a 256-bit random token; a random secret needs no slow password hash
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz, -- null: never
    revoked_at   timestamptz,
    last_used_on date,
    CONSTRAINT api_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT api_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    CONSTRAINT api_tokens_scopes_check CHECK (cardinality(scopes) > 0)
);
CREATE INDEX api_tokens_organizer_id_idx ON api_tokens (organizer_id, id);

CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY, -- SHA-256 of the cookie's random value
    id           uuid NOT NULL, -- names it in lists; gives no access
    organizer_id uuid NOT NULL REFERENCES organizers (id) ON DELETE CASCADE,
    stage        text NOT NULL, -- what the session may do: a second step of signing in may be missing
    device       text NOT NULL, -- kind of browser and system ("Firefox, Linux"), as the browser said; empty: unknown
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL, -- when the password was last typed
    last_used_at timestamptz NOT NULL, -- to the minute; it ends 30 minutes later
    expires_at   timestamptz NOT NULL, -- when it ends even if it is used
    CONSTRAINT sessions_id_key UNIQUE (id),
    CONSTRAINT sessions_stage_check CHECK (stage IN ('open', 'challenge', 'enrolment')),
    CONSTRAINT sessions_device_check CHECK (char_length(device) <= 60),
    CONSTRAINT sessions_expires_at_check CHECK (expires_at > created_at)
);
CREATE INDEX sessions_organizer_id_idx ON sessions (organizer_id, id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- Secrets of authenticator apps (TOTP).
CREATE TABLE second_factors (
    organizer_id uuid PRIMARY KEY REFERENCES organizers (id) ON DELETE CASCADE,
    sealed       bytea NOT NULL, -- with the key of the organization's vault
    last_step    bigint NOT NULL, -- half minutes since 1970 of the newest code that was used: none is taken twice
    created_at   timestamptz NOT NULL
);

-- Codes for who has lost the app; each is deleted when it is used.
CREATE TABLE recovery_codes (
    organizer_id uuid NOT NULL REFERENCES organizers (id) ON DELETE CASCADE,
    code_hash    bytea NOT NULL, -- SHA-256 of an 80-bit random code
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (organizer_id, code_hash),
    CONSTRAINT recovery_codes_code_hash_check CHECK (octet_length(code_hash) = 32)
);

-- Known devices: browsers in which an organizer has signed in before. They give no access; their failed sign-ins are
-- counted separately, so that failed attempts of others do not lock the organizer out.
CREATE TABLE known_devices (
    token_hash   bytea NOT NULL, -- SHA-256 of the cookie's random value
    organizer_id uuid NOT NULL REFERENCES organizers (id) ON DELETE CASCADE,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT known_devices_pkey PRIMARY KEY (token_hash, organizer_id),
    CONSTRAINT known_devices_token_hash_check CHECK (octet_length(token_hash) = 32)
);
CREATE INDEX known_devices_organizer_id_idx ON known_devices (organizer_id);
CREATE INDEX known_devices_expires_at_idx ON known_devices (expires_at);

-- How many people an account has read on a day (UTC) with tokens that may not export; kept for a week.
CREATE TABLE contact_reads (
    organizer_id uuid NOT NULL REFERENCES organizers (id) ON DELETE CASCADE,
    day          date NOT NULL,
    records      integer NOT NULL,
    CONSTRAINT contact_reads_pkey PRIMARY KEY (organizer_id, day),
    CONSTRAINT contact_reads_records_check CHECK (records > 0)
);

CREATE TABLE audit_entries (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    organizer_id    uuid REFERENCES organizers (id), -- null: the command line or the service itself
    api_token_id    uuid REFERENCES api_tokens (id),
    verb            text NOT NULL, -- "petition.publish", "signatures.export"
    object_id       uuid,
    detail          jsonb NOT NULL DEFAULT '{}', -- numbers and ids only, never a person's data
    created_at      timestamptz NOT NULL
);
CREATE INDEX audit_entries_organization_id_idx ON audit_entries (organization_id, created_at, id);
CREATE INDEX audit_entries_verb_idx ON audit_entries (organization_id, verb);
CREATE INDEX audit_entries_object_id_idx ON audit_entries (object_id) WHERE object_id IS NOT NULL;
CREATE INDEX audit_entries_organizer_id_idx ON audit_entries (organizer_id);
CREATE INDEX audit_entries_api_token_id_idx ON audit_entries (api_token_id);

-- Entries that are not in the chain yet.
CREATE TABLE audit_unsealed (
    entry_id uuid PRIMARY KEY REFERENCES audit_entries (id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

-- The chain over the audit log: who changes, removes or adds an entry past the triggers changes every hash after it.
-- Made by a job and not with the entry, since changes would wait for each other.
CREATE TABLE audit_seals (
    number   bigint PRIMARY KEY, -- 1, 2, 3, ... without a gap
    entry_id uuid NOT NULL REFERENCES audit_entries (id),
    hash     bytea NOT NULL, -- audit_entry_hash of the hash before it and the entry
    CONSTRAINT audit_seals_entry_id_key UNIQUE (entry_id),
    CONSTRAINT audit_seals_number_check CHECK (number > 0),
    CONSTRAINT audit_seals_hash_check CHECK (octet_length(hash) = 32)
);

-- Filters of the console's lists that organizers keep under a name, for all of their organization.
CREATE TABLE saved_filters (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    list            text NOT NULL,
    name            text NOT NULL,
    conditions      jsonb NOT NULL, -- words, codes and days by the name of the condition; nothing about a person
    created_at      timestamptz NOT NULL,
    CONSTRAINT saved_filters_list_check CHECK (list IN ('signatures', 'attendances', 'outreaches')),
    CONSTRAINT saved_filters_organization_id_list_name_key UNIQUE (organization_id, list, name)
);
CREATE INDEX saved_filters_organization_id_name_idx ON saved_filters (organization_id, name, id);

-- ===== people =====

-- Personal data. Everything that identifies a person is encrypted, in a `sealed` column (src/kernel/vault.rs).

CREATE TABLE vaults (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    kind            text NOT NULL,
    wrapping_key    text,  -- name of the keyring's key that wraps this vault's two keys: "root-2" or "vault-<id>"
    wrapped_keys    bytea, -- data key and index key, concatenated, encrypted under the wrapping key
    destroy_after   date,  -- protected: the wrapping key is destroyed after this day (everywhere on Earth), so backups are unreadable, too
    created_at      timestamptz NOT NULL,
    destroyed_at    timestamptz,
    CONSTRAINT vaults_kind_check CHECK (kind IN ('organization', 'protected')),
    CONSTRAINT vaults_protected_ends_check CHECK (kind = 'organization' OR destroy_after IS NOT NULL),
    CONSTRAINT vaults_destroyed_check CHECK ((destroyed_at IS NULL) = (wrapped_keys IS NOT NULL) AND (wrapping_key IS NULL) = (wrapped_keys IS NULL))
);
CREATE UNIQUE INDEX vaults_organization_key ON vaults (organization_id) WHERE kind = 'organization';
CREATE INDEX vaults_organization_id_idx ON vaults (organization_id);
CREATE INDEX vaults_destroy_after_idx ON vaults (destroy_after) WHERE kind = 'protected' AND destroyed_at IS NULL;

-- The current generation of the keyring: the keys root-2, links-2, requests-2 and suppressions-2 are generation 2.
-- Stored here and not in the key files, so that all processes switch at the same time (src/kernel/vault/rotation.rs).
CREATE TABLE keyring_generations (
    generation   integer PRIMARY KEY,
    writes_from  timestamptz NOT NULL, -- when it begins to sign; new organization vaults are wrapped by it as soon as its row exists
    activated_at timestamptz NOT NULL,
    CONSTRAINT keyring_generations_generation_check CHECK (generation > 0),
    CONSTRAINT keyring_generations_writes_from_check CHECK (writes_from >= activated_at)
);
INSERT INTO keyring_generations (generation, writes_from, activated_at) VALUES (1, 'epoch', 'epoch');

-- The processes that use the keyring, with names and fingerprints of the keys that each has; never a key.
CREATE TABLE keyring_nodes (
    node    text PRIMARY KEY, -- host name and a random part, one per process
    role    text NOT NULL, -- all, web, worker
    keys    text[] NOT NULL, -- "root-2:91c3a6..."
    seen_at timestamptz NOT NULL -- by the clock of the database
);

-- Identifies this database among others that share the same key files, so that a key another database needs is not
-- deleted as unused.
CREATE TABLE keyring_database (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    id       uuid NOT NULL
);
INSERT INTO keyring_database (id) VALUES (gen_random_uuid());

CREATE TABLE people (
    id           uuid PRIMARY KEY,
    vault_id     uuid NOT NULL REFERENCES vaults (id),
    email_index  bytea, -- HMAC-SHA256 of the normalised address under the vault's index key; null: signed on paper
    sealed       bytea, -- null until the owner of the address has confirmed the details, or an organizer vouched for them
    locale       text,
    origin       text NOT NULL DEFAULT 'act', -- who created the row: a public act, an organizer, an import
    created_at   timestamptz NOT NULL,
    modified_at  timestamptz NOT NULL,
    confirmed_at timestamptz, -- when the owner of the address first confirmed anything, or an organizer vouched
    link_generation smallint NOT NULL DEFAULT 0, -- of the links that belong to the person; raising it voids those given before
    links_from   date, -- when the links were last made anew; null: when the acts were done
    CONSTRAINT people_vault_email_key UNIQUE (vault_id, email_index),
    CONSTRAINT people_email_index_check CHECK (octet_length(email_index) = 32),
    CONSTRAINT people_origin_check CHECK (origin IN ('act', 'organizer', 'import')),
    CONSTRAINT people_confirmed_check CHECK ((confirmed_at IS NULL) = (sealed IS NULL))
) WITH (fillfactor = 85, -- free space on each page, for HOT updates by the upsert
      autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Lists show confirmed people only. The predicate is not on `sealed`: then no change of a person's details could be a
-- HOT update.
CREATE INDEX people_listed_idx ON people (vault_id, id) WHERE confirmed_at IS NOT NULL;
CREATE INDEX people_modified_at_idx ON people (vault_id, modified_at) WHERE confirmed_at IS NOT NULL;
CREATE INDEX people_created_at_idx ON people (vault_id, created_at) WHERE confirmed_at IS NOT NULL;

-- The person of an act, as passed to the batch functions.
CREATE TYPE person_act AS (person_id uuid, vault_id uuid, email_index bytea, sealed bytea, locale text, created_at timestamptz);

-- Consents with their wording, as proof: CASL (Canada's anti-spam law) puts the burden of proof on the sender.
-- Append-only.
CREATE TABLE consents (
    id              uuid PRIMARY KEY,
    person_id       uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    purpose         text NOT NULL, -- "updates", or "partner:<slug>"
    granted         boolean NOT NULL, -- false: withdrawn
    wording         text NOT NULL, -- label of the checkbox, as shown
    wording_version text NOT NULL,
    locale          text NOT NULL,
    source          text NOT NULL, -- where the consent was given: "petition:<slug>", "preferences", "api"
    created_at      timestamptz NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX consents_person_id_idx ON consents (person_id, purpose, created_at DESC);

-- Keyed indexes of the tags and the identifiers in other systems that organizers gave a person. The labels themselves are in
-- `people.sealed`. Protected vaults have none.
CREATE TABLE person_labels (
    person_id   uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    label_index bytea NOT NULL, -- HMAC-SHA256 of kind and label under the vault's index key
    CONSTRAINT person_labels_pkey PRIMARY KEY (person_id, label_index),
    CONSTRAINT person_labels_index_check CHECK (octet_length(label_index) = 32)
);
CREATE INDEX person_labels_label_index_idx ON person_labels (label_index);

-- Keyed indexes of the identifiers in other systems that organizers gave a signature, registration or letter. The identifiers
-- themselves are sealed in its row. Protected vaults have none.
CREATE TABLE submission_labels (
    submission_id uuid NOT NULL, -- its row deletes these (delete_submission_labels)
    person_id     uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    label_index   bytea NOT NULL, -- as that of a person
    CONSTRAINT submission_labels_pkey PRIMARY KEY (submission_id, label_index),
    CONSTRAINT submission_labels_index_check CHECK (octet_length(label_index) = 32)
);
CREATE INDEX submission_labels_label_index_idx ON submission_labels (label_index);
CREATE INDEX submission_labels_person_id_idx ON submission_labels (person_id);

-- Suppressed addresses, which get no mail. The global list ("never mail me again") is hashed under a key of its own,
-- so that it cannot be joined with the people of a vault.
CREATE TABLE suppressions (
    id            uuid PRIMARY KEY,
    vault_id      uuid REFERENCES vaults (id), -- null: the global list
    address_index bytea NOT NULL, -- keyed hash of the normalised address
    reason        text NOT NULL,
    created_at    timestamptz NOT NULL, -- 'bounced': time of the newest bounce
    bounces       smallint NOT NULL DEFAULT 1, -- 'bounced': number of bounces; 0 while a probe is out
    expires_at    timestamptz, -- 'bounced' only: an address may exist again; other reasons do not expire
    tried_at      timestamptz, -- 'bounced': when the probe was sent, one new confirmation after somebody used the address again
    trial         uuid, -- id of the probe, a mail
    unsubscribed  boolean NOT NULL DEFAULT false, -- 'bounced': it was unsubscribed before, and is again when the bounce has expired
    CONSTRAINT suppressions_reason_check CHECK (reason IN ('never_again', 'unsubscribed', 'bounced', 'complained', 'organizer')),
    CONSTRAINT suppressions_expires_check CHECK (reason = 'bounced' OR (expires_at IS NULL AND tried_at IS NULL AND trial IS NULL)),
    CONSTRAINT suppressions_trial_check CHECK ((trial IS NULL) = (tried_at IS NULL))
);
CREATE UNIQUE INDEX suppressions_everywhere_key ON suppressions (address_index) WHERE vault_id IS NULL;
CREATE UNIQUE INDEX suppressions_vault_key ON suppressions (vault_id, address_index) WHERE vault_id IS NOT NULL;
CREATE INDEX suppressions_expires_at_idx ON suppressions (expires_at) WHERE expires_at IS NOT NULL;

-- Strikes: addresses that bounced for a reason that may be temporary (a disabled mailbox). A second strike, at least
-- two days later, suppresses the address.
CREATE TABLE address_strikes (
    vault_id      uuid NOT NULL REFERENCES vaults (id),
    address_index bytea NOT NULL,
    struck_at     timestamptz NOT NULL, -- time of the first strike
    CONSTRAINT address_strikes_pkey PRIMARY KEY (vault_id, address_index)
);
CREATE INDEX address_strikes_struck_at_idx ON address_strikes (struck_at);

-- People who were erased, and actions whose data was ended, so that a machine whose log of erasures (src/people/erasure_log.rs) lacks
-- one can add it, and an older database that was put back can be told by those that it lacks. Kept as long as the longest-kept backup.
CREATE TABLE erasures (
    id_hash bytea PRIMARY KEY, -- SHA-256 of the id that the row has or had
    erased_on   date NOT NULL,
    CONSTRAINT erasures_id_hash_check CHECK (octet_length(id_hash) = 32)
);
CREATE INDEX erasures_erased_on_idx ON erasures (erased_on);

-- The people of protected actions whose rows are to be written anew this night, so that neither the order of rows in the
-- tables nor their transaction ids tell at what time of a day somebody took part (src/people/rewrite.rs).
CREATE TABLE people_to_rewrite (
    person_id uuid PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE
);
-- The transaction that listed them last, and those that wrote rows anew since.
CREATE TABLE people_rewrites (
    xid       xid8 PRIMARY KEY,
    listed_on date -- day (UTC) of the listing; null: it wrote rows anew
);

-- ===== requests =====

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

-- ===== campaigns =====

-- What people can take part in: campaigns, one `actions` row for each petition, event and letter action, and the counts.

CREATE TABLE campaigns (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    slug            text NOT NULL,
    locale          text NOT NULL DEFAULT 'en',
    title           text NOT NULL,
    summary         text NOT NULL DEFAULT '',
    description     text NOT NULL DEFAULT '', -- Markdown
    texts           jsonb NOT NULL DEFAULT '{}', -- {"fr": {"title", "summary"}}: other languages
    state           text NOT NULL DEFAULT 'published',
    created_at      timestamptz NOT NULL,
    modified_at     timestamptz NOT NULL,
    CONSTRAINT campaigns_slug_key UNIQUE (slug),
    CONSTRAINT campaigns_state_check CHECK (state IN ('draft', 'published', 'archived')),
    CONSTRAINT campaigns_texts_check CHECK (jsonb_typeof(texts) = 'object')
);
CREATE INDEX campaigns_organization_id_idx ON campaigns (organization_id, id);
CREATE INDEX campaigns_published_idx ON campaigns (id) WHERE state = 'published';

-- Pictures that were checked, made anew and stripped of everything but their pixels.
CREATE TABLE images (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    content_type    text NOT NULL,
    bytes           bytea NOT NULL,
    width           integer NOT NULL, -- pixels
    height          integer NOT NULL,
    alt             text NOT NULL, -- what the picture shows, for those who do not see it
    created_at      timestamptz NOT NULL,
    CONSTRAINT images_content_type_check CHECK (content_type IN ('image/jpeg', 'image/png', 'image/webp')),
    CONSTRAINT images_bytes_check CHECK (octet_length(bytes) <= 2097152),
    CONSTRAINT images_alt_check CHECK (char_length(alt) BETWEEN 1 AND 500)
);
CREATE INDEX images_organization_id_idx ON images (organization_id);

CREATE TABLE actions (
    id                uuid PRIMARY KEY,
    organization_id   uuid NOT NULL REFERENCES organizations (id),
    campaign_id       uuid REFERENCES campaigns (id),
    vault_id          uuid NOT NULL REFERENCES vaults (id), -- who takes part is kept here
    kind              text NOT NULL,
    slug              text NOT NULL,
    locale            text NOT NULL DEFAULT 'en', -- language of the texts in this row
    title             text NOT NULL,
    summary           text NOT NULL DEFAULT '',
    description       text NOT NULL DEFAULT '', -- Markdown
    texts             jsonb NOT NULL DEFAULT '{}', -- {"fr": {"title", "summary", "description", "body", "button", "thanks", "share"}}
    button            text NOT NULL DEFAULT '', -- empty: the standard words
    thanks            text NOT NULL DEFAULT '',
    share_text        text NOT NULL DEFAULT '', -- what people say when they pass it on
    hosted_by         text NOT NULL DEFAULT '',
    privacy           text NOT NULL DEFAULT 'standard',
    confirmation      text NOT NULL DEFAULT 'email',
    state             text NOT NULL DEFAULT 'draft',
    state_reason      text NOT NULL DEFAULT '', -- why it is in this state, as the page says it
    identifiers       text[] NOT NULL DEFAULT '{}', -- in other systems, as organizers gave them
    opens_at          timestamptz, -- null: when it is published
    closes_at         timestamptz, -- null: when somebody closes it
    ends_at           timestamptz, -- events: a copy of events.over_at; null for others
    timezone          text, -- events: a copy of events.timezone; null: the default one, in which the action's days are counted
    destroy_after     date, -- standard: last day of the data of those who take part, where an organizer chose one; protected: see vaults
    next_action_id    uuid REFERENCES actions (id) ON DELETE SET NULL, -- where a page that takes nobody leads on to
    image_id          uuid REFERENCES images (id) ON DELETE SET NULL,
    preview_generation smallint NOT NULL DEFAULT 0, -- raising it voids the preview links given out before
    send_thanks       boolean NOT NULL DEFAULT true,
    published_count   bigint NOT NULL DEFAULT 0, -- the one public number; moves only on the tick
    published_at      timestamptz, -- when that number was taken
    erased_count      bigint NOT NULL DEFAULT 0, -- acts that counted and whose rows are gone for good: the recount adds them
    verified_at       timestamptz, -- when the counts were last compared with the rows
    created_at        timestamptz NOT NULL,
    modified_at       timestamptz NOT NULL, -- editorial: a signature does not touch it
    CONSTRAINT actions_kind_slug_key UNIQUE (kind, slug),
    CONSTRAINT actions_kind_check CHECK (kind IN ('petition', 'event', 'letter')),
    CONSTRAINT actions_locale_check CHECK (locale IN ('en', 'fr', 'es', 'pa')),
    CONSTRAINT actions_title_check CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT actions_privacy_check CHECK (privacy IN ('standard', 'protected')),
    CONSTRAINT actions_confirmation_check CHECK (confirmation IN ('none', 'email')),
    CONSTRAINT actions_protected_confirms_check CHECK (confirmation = 'email' OR (privacy = 'standard' AND kind <> 'letter')),
    CONSTRAINT actions_state_check CHECK (state IN ('draft', 'published', 'paused', 'closed', 'won', 'lost', 'cancelled', 'archived', 'ended')),
    CONSTRAINT actions_destroy_after_check CHECK (destroy_after IS NULL OR privacy = 'standard'),
    CONSTRAINT actions_published_count_check CHECK (published_count >= 0),
    CONSTRAINT actions_erased_count_check CHECK (erased_count >= 0),
    CONSTRAINT actions_open_check CHECK (closes_at > opens_at),
    CONSTRAINT actions_texts_check CHECK (jsonb_typeof(texts) = 'object')
) WITH (fillfactor = 70, -- the published number moves on each tick, in place
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX actions_organization_id_idx ON actions (organization_id, kind, id);
CREATE INDEX actions_state_idx ON actions (organization_id, kind, state);
CREATE INDEX actions_title_idx ON actions (organization_id, kind, title);
CREATE INDEX actions_created_at_idx ON actions (organization_id, kind, created_at);
CREATE INDEX actions_modified_at_idx ON actions (organization_id, kind, modified_at);
CREATE INDEX actions_public_idx ON actions (kind, id) WHERE state NOT IN ('draft', 'archived');
CREATE INDEX actions_verified_at_idx ON actions (verified_at NULLS FIRST, id);
CREATE INDEX actions_campaign_id_idx ON actions (campaign_id);
-- landing pages, of all campaigns and of one; what ends first comes first
CREATE INDEX actions_landing_idx ON actions (kind, ends_at, id) WHERE state IN ('published', 'paused', 'won', 'cancelled');
CREATE INDEX actions_campaign_landing_idx ON actions (campaign_id, kind, ends_at, id) WHERE state IN ('published', 'paused', 'won', 'cancelled');
-- the events on the console's first page
CREATE INDEX actions_console_events_idx ON actions (organization_id, ends_at) WHERE kind = 'event' AND state <> 'archived';
-- what retention looks for: chosen last days, and what is old
CREATE INDEX actions_destroy_after_idx ON actions (destroy_after) WHERE destroy_after IS NOT NULL;
CREATE INDEX actions_age_idx ON actions (organization_id, created_at);
CREATE INDEX actions_ends_at_idx ON actions (organization_id, ends_at) WHERE ends_at IS NOT NULL;
CREATE INDEX actions_vault_id_idx ON actions (vault_id);
CREATE INDEX actions_closes_at_idx ON actions (closes_at) WHERE state = 'published';
CREATE INDEX actions_next_action_id_idx ON actions (next_action_id) WHERE next_action_id IS NOT NULL;
CREATE INDEX actions_image_id_idx ON actions (image_id) WHERE image_id IS NOT NULL;

-- Actions whose data has ended, on its last day or by hand. Numbers and texts stay. An action that was public is 'ended'
-- from then on; a draft and an archived one are 'archived'.
CREATE TABLE action_ends (
    action_id    uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    ended_at     timestamptz NOT NULL, -- nobody can take part since then; protected: the keys of its vault are gone
    rows_gone_at timestamptz, -- nothing of those who took part is left; null: a job is deleting it
    CONSTRAINT action_ends_rows_gone_check CHECK (rows_gone_at >= ended_at)
);
CREATE INDEX action_ends_open_idx ON action_ends (action_id) WHERE rows_gone_at IS NULL;

-- What became of an action, when, by whom and why.
CREATE TABLE action_state_changes (
    id           uuid PRIMARY KEY,
    action_id    uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    state        text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    organizer_id uuid REFERENCES organizers (id), -- null: by itself, at its closing date
    created_at   timestamptz NOT NULL
);
CREATE INDEX action_state_changes_action_id_idx ON action_state_changes (action_id, created_at, id);
CREATE INDEX action_state_changes_organizer_id_idx ON action_state_changes (organizer_id);

-- Addresses that actions had before; they lead to the present ones.
CREATE TABLE former_slugs (
    kind       text NOT NULL,
    slug       text NOT NULL,
    action_id  uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT former_slugs_pkey PRIMARY KEY (kind, slug)
);
CREATE INDEX former_slugs_action_id_idx ON former_slugs (action_id);

CREATE TABLE updates (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    campaign_id     uuid NOT NULL REFERENCES campaigns (id),
    kind            text NOT NULL DEFAULT 'news',
    title           text NOT NULL,
    body            text NOT NULL DEFAULT '', -- Markdown
    texts           jsonb NOT NULL DEFAULT '{}',
    happened_on     date NOT NULL,
    figures         jsonb NOT NULL DEFAULT '[]', -- [{"series", "value", "unit"}]
    source_url      text NOT NULL DEFAULT '',
    image_id        uuid REFERENCES images (id) ON DELETE SET NULL,
    embargo_until   timestamptz, -- press: nobody sees it before
    media_contact   text NOT NULL DEFAULT '', -- press: whom journalists ask
    quotes          jsonb NOT NULL DEFAULT '[]', -- press: [{"text", "by"}]
    pseudonym       text NOT NULL DEFAULT '', -- story: the name it is told under
    consent_scope   text NOT NULL DEFAULT '', -- story: where the one who tells it agreed to have it shown
    consent_on      date, -- story: when
    created_at      timestamptz NOT NULL,
    modified_at     timestamptz NOT NULL,
    CONSTRAINT updates_story_check CHECK (kind <> 'story' OR (pseudonym <> '' AND consent_scope <> '' AND consent_on IS NOT NULL)),
    CONSTRAINT updates_press_check CHECK (kind = 'press' OR embargo_until IS NULL),
    CONSTRAINT updates_quotes_check CHECK (jsonb_typeof(quotes) = 'array'),
    CONSTRAINT updates_kind_check CHECK (kind IN ('news', 'win', 'deadline', 'draw', 'press', 'story')),
    CONSTRAINT updates_figures_check CHECK (jsonb_typeof(figures) = 'array'),
    CONSTRAINT updates_campaign_title_key UNIQUE (campaign_id, happened_on, title)
);
CREATE INDEX updates_organization_id_idx ON updates (organization_id, happened_on, id);
CREATE INDEX updates_campaign_id_idx ON updates (campaign_id, happened_on, id);
CREATE INDEX updates_happened_on_idx ON updates (happened_on, id);
CREATE INDEX updates_image_id_idx ON updates (image_id) WHERE image_id IS NOT NULL;

-- Organizations that get their own consent box.
CREATE TABLE partners (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    slug            text NOT NULL,
    name            text NOT NULL,
    wording         jsonb NOT NULL DEFAULT '{}', -- {"en": "...", "fr": "..."}
    created_at      timestamptz NOT NULL,
    CONSTRAINT partners_organization_slug_key UNIQUE (organization_id, slug)
);
CREATE INDEX partners_organization_id_idx ON partners (organization_id, name, id);

-- Registered words for where people come from; any other word counts as "other".
CREATE TABLE sources (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    word            text NOT NULL,
    partner_id      uuid REFERENCES partners (id),
    CONSTRAINT sources_organization_word_key UNIQUE (organization_id, word)
);
CREATE INDEX sources_partner_id_idx ON sources (partner_id);

CREATE TABLE short_links (
    word            text PRIMARY KEY, -- /go/{word}
    action_id       uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    created_at      timestamptz NOT NULL,
    CONSTRAINT short_links_word_check CHECK (word ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(word) <= 40)
);
CREATE INDEX short_links_action_id_idx ON short_links (action_id, created_at, word);

-- How often short links are followed, and nothing about who follows them.
CREATE TABLE short_link_clicks (
    word text NOT NULL REFERENCES short_links (word) ON DELETE CASCADE,
    day  date NOT NULL,
    clicks bigint NOT NULL,
    CONSTRAINT short_link_clicks_pkey PRIMARY KEY (word, day)
);

-- Counts by one dimension at a time: dimension "total" with key '', or "day", "country", "region", "locale", "source". Letters
-- also by "state" of what was settled.
CREATE TABLE action_counts (
    action_id   uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    dimension   text NOT NULL,
    key         text NOT NULL,
    value       bigint NOT NULL,
    unpublished boolean NOT NULL DEFAULT true, -- the total moved since its number was published
    CONSTRAINT action_counts_pkey PRIMARY KEY (action_id, dimension, key),
    CONSTRAINT action_counts_dimension_check CHECK (dimension IN ('total', 'day', 'country', 'region', 'locale', 'source', 'state', 'repeated'))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX action_counts_unpublished_idx ON action_counts (action_id) WHERE unpublished AND dimension = 'total';
-- Submissions without confirmation of people who had taken part before: part of the published number until the night, so that
-- it does not tell who had.
CREATE INDEX action_counts_repeated_idx ON action_counts (action_id) WHERE dimension = 'repeated';
-- What acts add to the counts. Appended, never updated: signers of one petition do not wait for each other.
-- The tick folds these rows into action_counts.
CREATE TABLE action_count_deltas (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    action_id uuid NOT NULL,
    dimension text NOT NULL,
    key       text NOT NULL,
    delta     bigint NOT NULL,
    CONSTRAINT action_count_deltas_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX action_count_deltas_action_id_idx ON action_count_deltas (action_id, dimension);

-- Petitions whose published count or settings changed since the tick last looked at what follows from them (milestones,
-- breakdowns): it looks at no others.
CREATE TABLE count_moves (
    action_id uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0.01);

-- Who compares the counts of an action with its rows at present. A claim that is not renewed ends by itself.
CREATE TABLE recounts (
    action_id     uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    lease_token   uuid NOT NULL,
    leased_until  timestamptz NOT NULL -- by the database's clock; nobody else begins before
);

-- Breakdowns as the public sees them: taken once a day, small cells merged into 'other', rounded.
CREATE TABLE published_counts (
    action_id uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    dimension text NOT NULL,
    key       text NOT NULL,
    value     bigint NOT NULL,
    as_of     date NOT NULL,
    CONSTRAINT published_counts_pkey PRIMARY KEY (action_id, dimension, key),
    CONSTRAINT published_counts_dimension_check CHECK (dimension IN ('day', 'country', 'region', 'locale')),
    CONSTRAINT published_counts_value_check CHECK (value >= 5)
);

-- What a submission of any kind has when it is written (src/actions/submission/submit.rs).
CREATE TYPE submission_header AS (
    id uuid, action_id uuid, vault_id uuid, person_id uuid, email_index bytea, person_sealed bytea,
    mode text, -- 'pending' | 'immediate' | 'vouched'
    sealed bytea, locale text, source text, created_at timestamptz, confirm_expires_at timestamptz,
    email_id uuid, organization_id uuid, protected boolean,
    idempotency_key bytea, idempotency_request bytea
);

-- ===== letters =====

-- Who can be written to.
CREATE TABLE offices (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    slug            text NOT NULL,
    title           text NOT NULL, -- "Minister of Immigration"
    texts           jsonb NOT NULL DEFAULT '{}', -- {"fr": {"title"}}
    locale          text NOT NULL DEFAULT 'en', -- language of the title and of letters with no other choice
    created_at      timestamptz NOT NULL,
    modified_at     timestamptz NOT NULL,
    CONSTRAINT offices_organization_slug_key UNIQUE (organization_id, slug)
);
CREATE INDEX offices_organization_title_idx ON offices (organization_id, title, id);
CREATE INDEX offices_title_idx ON offices (title, id);

-- Officials share mailboxes; a letter's lane in the mail queue is the mailbox.
CREATE TABLE mailboxes (
    id         uuid PRIMARY KEY,
    address    text NOT NULL, -- an office's public address
    created_at timestamptz NOT NULL,
    CONSTRAINT mailboxes_address_key UNIQUE (address)
);

CREATE TABLE office_mailboxes (
    office_id  uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
    mailbox_id uuid NOT NULL REFERENCES mailboxes (id),
    position   smallint NOT NULL, -- 0 is written to; others get a copy
    CONSTRAINT office_mailboxes_pkey PRIMARY KEY (office_id, position)
);
CREATE INDEX office_mailboxes_mailbox_id_idx ON office_mailboxes (mailbox_id);

CREATE TABLE officials (
    id               uuid PRIMARY KEY,
    organization_id  uuid NOT NULL REFERENCES organizations (id),
    honorific_prefix text NOT NULL DEFAULT '', -- "The Honourable"
    given_name       text NOT NULL DEFAULT '',
    family_name      text NOT NULL,
    created_at       timestamptz NOT NULL,
    modified_at      timestamptz NOT NULL
);
CREATE INDEX officials_organization_id_idx ON officials (organization_id, family_name, given_name, id);
CREATE INDEX officials_name_idx ON officials (family_name, given_name, id);

CREATE TABLE terms (
    id          uuid PRIMARY KEY,
    office_id   uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
    official_id uuid NOT NULL REFERENCES officials (id),
    starts_on   date NOT NULL,
    ends_on     date, -- last day in office; null: still there
    CONSTRAINT terms_dates_check CHECK (ends_on >= starts_on),
    CONSTRAINT terms_office_start_key UNIQUE (office_id, starts_on)
);
CREATE INDEX terms_official_id_idx ON terms (official_id);
CREATE UNIQUE INDEX terms_office_current_key ON terms (office_id) WHERE ends_on IS NULL;

CREATE TABLE letter_actions (
    id       uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    editable boolean NOT NULL DEFAULT true, -- may a supporter change the text?
    live     boolean NOT NULL DEFAULT false, -- until then accepted letters are held
    live_at  timestamptz,
    is_sending boolean NOT NULL DEFAULT false, -- live and published when its letters were last released or held back
    CONSTRAINT letter_actions_live_check CHECK (live = (live_at IS NOT NULL))
);

-- the tick looks for those that closed among the ones that send, and reads no others
CREATE INDEX letter_actions_sending_idx ON letter_actions (id) WHERE is_sending;

CREATE TABLE letter_targets (
    letter_action_id uuid NOT NULL REFERENCES letter_actions (id) ON DELETE CASCADE,
    office_id        uuid NOT NULL REFERENCES offices (id),
    position         smallint NOT NULL,
    CONSTRAINT letter_targets_pkey PRIMARY KEY (letter_action_id, office_id)
);
CREATE INDEX letter_targets_office_id_idx ON letter_targets (office_id);

CREATE TABLE letter_templates (
    letter_action_id uuid NOT NULL REFERENCES letter_actions (id) ON DELETE CASCADE,
    locale           text NOT NULL,
    subjects         text[] NOT NULL,
    body             text NOT NULL, -- minijinja source with `target.*`; written by organizers only
    CONSTRAINT letter_templates_pkey PRIMARY KEY (letter_action_id, locale),
    CONSTRAINT letter_templates_subjects_check CHECK (cardinality(subjects) > 0)
);

-- What one person wrote, once; and one outreach for each office it goes to.
CREATE TABLE letters (
    id                 uuid PRIMARY KEY,
    letter_action_id   uuid NOT NULL REFERENCES letter_actions (id),
    person_id          uuid NOT NULL REFERENCES people (id),
    state              text NOT NULL,
    sealed             bytea,
    locale             text,
    source             text,
    variant            smallint NOT NULL DEFAULT 0, -- which of the template's subjects, where none was typed
    attempt            integer NOT NULL DEFAULT 1, -- counts up with the acts of one person here: which is newer, without a time
    is_attached        boolean NOT NULL DEFAULT false, -- written with another act (a signature), which confirms or deletes it
    reminded           boolean NOT NULL DEFAULT false, -- the one reminder to confirm was queued
    link_generation    smallint NOT NULL DEFAULT 0,
    confirm_expires_at timestamptz,
    created_at         timestamptz NOT NULL,
    confirmed_at       timestamptz,
    CONSTRAINT letters_state_check CHECK (state IN ('pending', 'confirmed', 'withdrawn')),
    CONSTRAINT letters_confirmed_check CHECK (state <> 'confirmed' OR confirmed_at IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX letters_letter_action_id_idx ON letters (letter_action_id, id);
CREATE INDEX letters_person_id_idx ON letters (person_id);
CREATE INDEX letters_pending_idx ON letters (confirm_expires_at) WHERE state = 'pending';
CREATE INDEX letters_unreminded_idx ON letters (created_at) WHERE state = 'pending' AND NOT reminded AND NOT is_attached;

CREATE TABLE outreaches (
    id               uuid PRIMARY KEY,
    letter_id        uuid NOT NULL REFERENCES letters (id) ON DELETE CASCADE,
    letter_action_id uuid NOT NULL REFERENCES letter_actions (id),
    office_id        uuid NOT NULL REFERENCES offices (id),
    official_id      uuid, -- who held the office when it was sent; officials are never deleted, so no foreign key is kept for it
    state            text NOT NULL,
    email_id         uuid, -- its row in the mail queue, while that exists
    created_at       timestamptz NOT NULL,
    sent_at          timestamptz,
    -- apart from the state, so that a letter that is sent needs no new entry in any index
    is_held          boolean NOT NULL GENERATED ALWAYS AS (state = 'held') STORED,
    undelivered      text GENERATED ALWAYS AS (CASE WHEN state IN ('held', 'failed', 'uncertain', 'bounced', 'cancelled') THEN state END) STORED,
    CONSTRAINT outreaches_state_check CHECK (state IN ('pending', 'held', 'queued', 'sent', 'failed', 'uncertain', 'bounced', 'cancelled')),
    CONSTRAINT outreaches_letter_office_key UNIQUE (letter_id, office_id),
    CONSTRAINT outreaches_sent_check CHECK (state <> 'sent' OR sent_at IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02,
        autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX outreaches_created_at_idx ON outreaches (letter_action_id, created_at);
CREATE INDEX outreaches_undelivered_idx ON outreaches (letter_action_id, undelivered) WHERE undelivered IS NOT NULL;
CREATE INDEX outreaches_letter_action_id_idx ON outreaches (letter_action_id, id);
CREATE INDEX outreaches_held_idx ON outreaches (letter_action_id, letter_id) WHERE is_held;
CREATE INDEX outreaches_office_id_idx ON outreaches (office_id);

CREATE TYPE letter_submission AS (
    id uuid, letter_action_id uuid, vault_id uuid, person_id uuid, email_index bytea, person_sealed bytea,
    mode text, -- 'pending' | 'vouched'
    sealed bytea, locale text, source text, variant smallint, created_at timestamptz, confirm_expires_at timestamptz,
    email_id uuid, organization_id uuid, protected boolean,
    idempotency_key bytea, idempotency_request bytea
);
CREATE TYPE letter_submission_target AS (letter_id uuid, outreach_id uuid, office_id uuid, email_id uuid);

-- ===== petitions =====

CREATE TABLE petitions (
    id            uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    petition_text text NOT NULL DEFAULT '', -- Markdown: what is being signed
    targets       text[] NOT NULL DEFAULT '{}', -- names of the recipients, as shown
    goal          bigint,
    letter_action_id uuid REFERENCES letter_actions (id), -- signing also writes this letter: one form, both or neither
    demands          text[] NOT NULL DEFAULT '{}', -- one sentence each
    fields           jsonb NOT NULL DEFAULT '{}', -- {"postal_code": "off" | "optional" | "required"}: what the form asks for; absent: the standard
    shares_addresses boolean NOT NULL DEFAULT false, -- may people of different names sign with one e-mail address?
    keeps_contacts   boolean NOT NULL DEFAULT true, -- false: every contact is dropped right after confirmation
    shows_breakdowns boolean NOT NULL DEFAULT true,
    questions        jsonb NOT NULL DEFAULT '[]', -- what the form asks besides (see src/petitions/questions.rs)
    milestones       bigint[] NOT NULL DEFAULT '{}', -- own steps, beside 25, 50, 75 and 100 % of the goal
    raises_goal      boolean NOT NULL DEFAULT false, -- once the goal is reached
    breakdowns_due_on date, -- when its breakdowns are published next; null: not before its number or its settings change
    CONSTRAINT petitions_goal_check CHECK (goal BETWEEN 1 AND 100000000),
    CONSTRAINT petitions_fields_check CHECK (jsonb_typeof(fields) = 'object'),
    CONSTRAINT petitions_questions_check CHECK (jsonb_typeof(questions) = 'array')
);
CREATE INDEX petitions_letter_action_id_idx ON petitions (letter_action_id);
-- the tick reads no others
CREATE INDEX petitions_breakdowns_due_on_idx ON petitions (breakdowns_due_on) WHERE breakdowns_due_on IS NOT NULL;

-- Steps that the published number has reached, and that organizers were told of. A row goes when the number falls below
-- its step again.
CREATE TABLE milestones (
    petition_id uuid NOT NULL REFERENCES petitions (id) ON DELETE CASCADE,
    step        bigint NOT NULL,
    reached_at  timestamptz NOT NULL,
    raised_from bigint, -- the goal that was raised when this step was reached, and what it was raised to
    raised_to   bigint,
    CONSTRAINT milestones_pkey PRIMARY KEY (petition_id, step),
    CONSTRAINT milestones_step_check CHECK (step >= 1)
);

-- Signatures on paper, counted by hand; shown apart from the others.
CREATE TABLE paper_batches (
    id           uuid PRIMARY KEY,
    petition_id  uuid NOT NULL REFERENCES petitions (id) ON DELETE CASCADE,
    reference    text NOT NULL, -- what is written on the folder
    sheets       integer NOT NULL,
    count        bigint NOT NULL,
    collected_on date,
    note         text NOT NULL DEFAULT '',
    organizer_id uuid NOT NULL REFERENCES organizers (id),
    created_at   timestamptz NOT NULL,
    CONSTRAINT paper_batches_reference_key UNIQUE (petition_id, reference),
    CONSTRAINT paper_batches_sheets_check CHECK (sheets >= 1),
    CONSTRAINT paper_batches_count_check CHECK (count >= 1)
);
CREATE INDEX paper_batches_petition_id_idx ON paper_batches (petition_id, id);
CREATE INDEX paper_batches_organizer_id_idx ON paper_batches (organizer_id);

CREATE TABLE signatures (
    id                 uuid PRIMARY KEY,
    petition_id        uuid NOT NULL REFERENCES petitions (id),
    person_id          uuid NOT NULL REFERENCES people (id),
    state              text NOT NULL,
    name_index         bytea NOT NULL DEFAULT '', -- keyed hash of the name where people may share an address, else ''
    sealed             bytea, -- what was typed; null once the contact was dropped
    display            text NOT NULL DEFAULT 'hidden', -- takes effect when counted
    comment_state      text NOT NULL DEFAULT 'none', -- an organizer reads a comment before it shows
    delivers_name      boolean NOT NULL DEFAULT false, -- the signer wants the name handed over with the petition
    vetted             text NOT NULL DEFAULT '', -- what an organizer found: '' nobody looked yet
    quarantine_reason          text, -- why it is quarantined, or will be once it is confirmed
    locale             text,
    country            text,
    region             text,
    postal_prefix      text, -- first three characters
    source             text,
    letter_id          uuid REFERENCES letters (id) ON DELETE SET NULL, -- the letter that was written with it
    attempt            integer NOT NULL DEFAULT 1, -- counts up with the acts of one person here: which is newer, without a time
    link_generation    smallint NOT NULL DEFAULT 0, -- raising it voids the links mailed before
    confirm_expires_at timestamptz,
    reminded           boolean NOT NULL DEFAULT false, -- the one reminder to confirm was queued
    import_id          uuid, -- the import that brought it
    invalidation_id    uuid, -- the job that changed its state last, until that is undone
    state_before       text, -- what an organizer or a job changed the state from
    created_at         timestamptz NOT NULL, -- protected petitions: floored to the day
    counted_at         timestamptz,
    ended_at           timestamptz, -- when it was withdrawn, invalidated or found to be a duplicate
    CONSTRAINT signatures_state_check CHECK (state IN ('pending', 'counted', 'duplicate', 'quarantined', 'invalid', 'withdrawn')),
    CONSTRAINT signatures_display_check CHECK (display IN ('hidden', 'initials', 'first_name', 'full_name')),
    CONSTRAINT signatures_comment_state_check CHECK (comment_state IN ('none', 'waiting', 'shown', 'hidden')),
    CONSTRAINT signatures_vetted_check CHECK (vetted IN ('', 'genuine', 'doubtful')),
    CONSTRAINT signatures_quarantine_reason_check CHECK (quarantine_reason IN ('network', 'domain', 'form', 'organizer')),
    CONSTRAINT signatures_state_before_check CHECK (state_before IN ('pending', 'counted', 'quarantined', 'invalid')),
    CONSTRAINT signatures_counted_check CHECK (state NOT IN ('counted', 'quarantined') OR counted_at IS NOT NULL),
    CONSTRAINT signatures_pending_check CHECK (state <> 'pending' OR (counted_at IS NULL AND confirm_expires_at IS NOT NULL)),
    CONSTRAINT signatures_country_check CHECK (country ~ '^[A-Z]{2}$')
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX signatures_counted_key ON signatures (petition_id, person_id, name_index) WHERE state = 'counted';
CREATE INDEX signatures_petition_id_idx ON signatures (petition_id, id);
CREATE INDEX signatures_person_id_idx ON signatures (person_id);
CREATE INDEX signatures_letter_id_idx ON signatures (letter_id) WHERE letter_id IS NOT NULL;
CREATE INDEX signatures_pending_idx ON signatures (confirm_expires_at) WHERE state = 'pending';
CREATE INDEX signatures_unreminded_idx ON signatures (created_at) WHERE state = 'pending' AND NOT reminded;
CREATE INDEX signatures_invalid_idx ON signatures (ended_at) WHERE state = 'invalid' AND sealed IS NOT NULL;
CREATE INDEX signatures_created_at_idx ON signatures (petition_id, created_at);
-- states that few have: one that counts needs no entry here
CREATE INDEX signatures_state_idx ON signatures (petition_id, state) WHERE state IN ('duplicate', 'quarantined', 'invalid', 'withdrawn');

CREATE INDEX signatures_import_id_idx ON signatures (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX signatures_invalidation_id_idx ON signatures (invalidation_id) WHERE invalidation_id IS NOT NULL;
CREATE INDEX signatures_comments_idx ON signatures (petition_id, comment_state, id) WHERE comment_state IN ('waiting', 'shown');

-- What tells a flood from a crowd: hashes under a key that is thrown away with the day. Unlogged, so that it is in no
-- backup; gone after 72 hours; never for protected petitions.
CREATE UNLOGGED TABLE signature_signals (
    signature_id uuid PRIMARY KEY,
    petition_id  uuid NOT NULL,
    network_tag  bytea, -- of the sender's network (IPv4 /24, IPv6 /48)
    domain_tag   bytea, -- of the e-mail address's domain
    created_at   timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX signature_signals_created_at_idx ON signature_signals (created_at);

-- How many signatures each process has taken within an hour under each tag, so that all see the sum: one network that is
-- spread over many processes is one network. Tags as above; gone after the hour.
CREATE UNLOGGED TABLE signature_bursts (
    hour    timestamptz NOT NULL,
    tag     bytea NOT NULL,
    process uuid NOT NULL,
    acts    bigint NOT NULL,
    CONSTRAINT signature_bursts_pkey PRIMARY KEY (hour, tag, process),
    CONSTRAINT signature_bursts_acts_check CHECK (acts > 0)
);

-- Networks and mail domains of places where many sign at once: shelters, union halls, campuses. Never held as a burst.
CREATE TABLE allowances (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    kind            text NOT NULL,
    value           text NOT NULL, -- '203.0.113.0/24' or 'union.example'
    note            text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    CONSTRAINT allowances_value_key UNIQUE (organization_id, kind, value),
    CONSTRAINT allowances_kind_check CHECK (kind IN ('network', 'domain'))
);

-- Jobs that change the states of many signatures by a rule, a batch at a time; each can be taken back.
CREATE TABLE invalidations (
    id           uuid PRIMARY KEY,
    petition_id  uuid NOT NULL REFERENCES petitions (id) ON DELETE CASCADE,
    organizer_id uuid NOT NULL REFERENCES organizers (id),
    effect       text NOT NULL,
    rule         bytea NOT NULL, -- sealed: a rule may name somebody
    reason       text NOT NULL,
    state        text NOT NULL DEFAULT 'running',
    after_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- signatures up to here are done
    total        bigint NOT NULL DEFAULT 0, -- signatures to look at; counted first, in steps
    is_counted   boolean NOT NULL DEFAULT false, -- the total is known; until then after_id is where counting goes on
    seen         bigint NOT NULL DEFAULT 0,
    changed      bigint NOT NULL DEFAULT 0, -- signatures whose state is changed by it at present
    created_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    CONSTRAINT invalidations_effect_check CHECK (effect IN ('invalidate', 'release')),
    CONSTRAINT invalidations_state_check CHECK (state IN ('running', 'done', 'cancelled', 'undoing', 'undone', 'failed'))
);
CREATE INDEX invalidations_petition_id_idx ON invalidations (petition_id, id);
CREATE INDEX invalidations_organizer_id_idx ON invalidations (organizer_id);

-- Files of signers that organizers bring. A file is kept in sealed pieces, each written as it comes in; those whose lines
-- are done go with them.
CREATE TABLE imports (
    id              uuid PRIMARY KEY,
    petition_id     uuid NOT NULL REFERENCES petitions (id) ON DELETE CASCADE,
    organizer_id    uuid NOT NULL REFERENCES organizers (id),
    name            text NOT NULL, -- of the file
    bytes           bigint NOT NULL, -- of the rows as they are kept (src/petitions/csv_reader.rs)
    delimiter       text NOT NULL, -- of the file, followed by its encoding as it was read: `;windows-1252`; empty for a workbook
    sheet           text, -- of a workbook, that was read
    columns         text[] NOT NULL, -- the header
    suggested       jsonb NOT NULL DEFAULT '{}', -- a mapping, by the header and what the columns have
    date_orders     text[] NOT NULL DEFAULT '{}', -- by column: day_first, month_first, or empty where it does not matter
    mapping         jsonb NOT NULL DEFAULT '{}', -- {"email": "E-mail address"}: which column is what
    source          text, -- the word of origin of its signatures
    consent_wording text NOT NULL DEFAULT '', -- what the people agreed to who have a yes in the consent column
    dry_run         boolean NOT NULL DEFAULT false,
    state           text NOT NULL DEFAULT 'uploading',
    touched_at      timestamptz NOT NULL, -- when the last piece came in
    offset_bytes    bigint NOT NULL DEFAULT 0, -- lines that end before this byte are done
    seen            bigint NOT NULL DEFAULT 0, -- lines
    imported        bigint NOT NULL DEFAULT 0,
    duplicates      bigint NOT NULL DEFAULT 0, -- people who had signed before, or stand in the file twice
    refused         bigint NOT NULL DEFAULT 0,
    erasures        integer NOT NULL DEFAULT 0, -- raised when rows of somebody who was erased are removed from the file
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    CONSTRAINT imports_state_check CHECK (state IN ('uploading', 'uploaded', 'running', 'checked', 'done', 'cancelled', 'failed')),
    CONSTRAINT imports_mapping_check CHECK (jsonb_typeof(mapping) = 'object'),
    CONSTRAINT imports_suggested_check CHECK (jsonb_typeof(suggested) = 'object')
);
CREATE INDEX imports_petition_id_idx ON imports (petition_id, id);
CREATE INDEX imports_organizer_id_idx ON imports (organizer_id);
CREATE INDEX imports_waiting_idx ON imports (created_at) WHERE state IN ('uploading', 'uploaded', 'checked');
CREATE TABLE import_chunks (
    import_id uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    number    integer NOT NULL,
    sealed    bytea NOT NULL,
    CONSTRAINT import_chunks_pkey PRIMARY KEY (import_id, number)
);
-- Lines that were refused: which, where and why, never what stood there.
CREATE TABLE import_row_errors (
    import_id uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line      bigint NOT NULL,
    field     text NOT NULL,
    code      text NOT NULL,
    detail    text NOT NULL,
    CONSTRAINT import_row_errors_pkey PRIMARY KEY (import_id, line, field)
);

-- Handing a petition over. The statement fixes the number at one moment; it is null before.
CREATE TABLE petition_deliveries (
    id              uuid PRIMARY KEY,
    petition_id     uuid NOT NULL REFERENCES petitions (id) ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'planned',
    delivered_on    date NOT NULL, -- planned: when it will be
    place           text NOT NULL DEFAULT '',
    received_by     text NOT NULL DEFAULT '',
    note            text NOT NULL DEFAULT '',
    event_id        uuid REFERENCES actions (id) ON DELETE SET NULL,
    image_id        uuid REFERENCES images (id) ON DELETE SET NULL,
    created_at      timestamptz NOT NULL,
    stated_at       timestamptz, -- when the number was fixed
    receipts        bigint, -- signatures that each have a receipt in the list
    erased          bigint, -- signatures that counted and whose owners had them erased: no receipt
    paper           bigint, -- signatures on paper
    regions         jsonb, -- {"CA-ON": 120}: small cells merged
    receipts_sha256 bytea, -- of the list as a text file
    receipts_list   uuid, -- the list that belongs to the number
    stating_list    uuid, -- the list that is being made, by a process that holds it until `stating_until` (the database's clock)
    stating_until   timestamptz,
    CONSTRAINT petition_deliveries_state_check CHECK (state IN ('planned', 'delivered')),
    CONSTRAINT petition_deliveries_stated_check CHECK (
        (stated_at IS NULL) = (receipts IS NULL) AND (stated_at IS NULL) = (erased IS NULL) AND (stated_at IS NULL) = (paper IS NULL)
        AND (stated_at IS NULL) = (regions IS NULL) AND (stated_at IS NULL) = (receipts_sha256 IS NULL)
        AND (stated_at IS NULL) = (receipts_list IS NULL)
        AND (state = 'planned' OR stated_at IS NOT NULL))
);
CREATE INDEX petition_deliveries_petition_id_idx ON petition_deliveries (petition_id, delivered_on, id);
CREATE INDEX petition_deliveries_event_id_idx ON petition_deliveries (event_id);
CREATE INDEX petition_deliveries_image_id_idx ON petition_deliveries (image_id);
-- The list of receipts, sorted, 16 bytes each: a keyed hash of a signature's id, which tells only its owner anything.
CREATE TABLE delivery_receipts (
    list_id     uuid NOT NULL,
    delivery_id uuid NOT NULL REFERENCES petition_deliveries (id) ON DELETE CASCADE,
    number      integer NOT NULL,
    receipts    bytea NOT NULL,
    CONSTRAINT delivery_receipts_pkey PRIMARY KEY (list_id, number),
    CONSTRAINT delivery_receipts_receipts_check CHECK (octet_length(receipts) % 16 = 0)
);
CREATE INDEX delivery_receipts_delivery_id_idx ON delivery_receipts (delivery_id);
-- Receipts of a list that is being made, unsorted, by their first byte: what is sorted at once stays small.
CREATE TABLE delivery_buckets (
    list_id     uuid NOT NULL,
    delivery_id uuid NOT NULL REFERENCES petition_deliveries (id) ON DELETE CASCADE,
    bucket      smallint NOT NULL,
    number      integer NOT NULL, -- of the page of signatures
    receipts    bytea NOT NULL,
    CONSTRAINT delivery_buckets_pkey PRIMARY KEY (list_id, bucket, number)
);
CREATE INDEX delivery_buckets_delivery_id_idx ON delivery_buckets (delivery_id);

-- One validated and sealed act on its way into the hot path's function.
CREATE TYPE signature_submission AS (
    id uuid, petition_id uuid, vault_id uuid, person_id uuid, email_index bytea, person_sealed bytea, name_index bytea,
    mode text, -- 'pending' | 'immediate' (no confirmation asked) | 'vouched' (an organizer's token)
    sealed bytea, display text, locale text, country text, region text, postal_prefix text, source text,
    created_at timestamptz, confirm_expires_at timestamptz,
    email_id uuid, email_kind text, email_class text, organization_id uuid, protected boolean, letter_id uuid,
    comment_state text, delivers_name boolean, quarantine_reason text, network_tag bytea, domain_tag bytea, import_id uuid,
    import_erasures integer, -- imports.erasures when the row was read
    idempotency_key bytea, idempotency_request bytea
);

-- The signature that counts for a vouched act's person after the batch.
CREATE TYPE vouched_signature AS (submission_id uuid, signature_id uuid, person_id uuid);

-- ===== events =====

CREATE TABLE events (
    id                  uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    event_kind          text NOT NULL DEFAULT 'other',
    format              text NOT NULL DEFAULT 'in_person',
    starts_at           timestamptz NOT NULL,
    ends_at             timestamptz NOT NULL,
    has_date             boolean NOT NULL DEFAULT true, -- false: nobody chose the start of this draft yet
    timezone            text NOT NULL, -- IANA name; times are shown in it
    venue               text NOT NULL DEFAULT '',
    address_line        text NOT NULL DEFAULT '',
    locality            text NOT NULL DEFAULT '',
    region              text NOT NULL DEFAULT '',
    postal_code         text NOT NULL DEFAULT '',
    country             text NOT NULL DEFAULT 'CA',
    map_url             text NOT NULL DEFAULT '',
    accessibility       text NOT NULL DEFAULT '',
    instructions        text NOT NULL DEFAULT '', -- only for the registered, never on a public page
    joining             bytea, -- links and numbers to join online with, sealed: no answer of the API and no page shows the links
    joining_opens_minutes integer NOT NULL DEFAULT 30, -- from so many minutes before each start the registered can join
    reminders           integer[] NOT NULL DEFAULT '{1440,60}', -- minutes before each start at which the registered are reminded
    reminded_until      timestamptz NOT NULL, -- reminders that were due until then are queued, or are of no use any more
    follow_up           text NOT NULL DEFAULT '', -- mailed to the registered after the end; "": nothing
    contacts            jsonb NOT NULL DEFAULT '[]', -- [{"name", "phone", "email"}] of hosts who agreed to be named
    sessions            jsonb NOT NULL DEFAULT '[]', -- [{"id", "title", "starts_at", "ends_at", "rrule"}]
    sessions_end_at     timestamptz, -- end of the last repetition of the last session
    over_at             timestamptz GENERATED ALWAYS AS (greatest(ends_at, sessions_end_at)) STORED,
    interpretation      text[] NOT NULL DEFAULT '{}', -- languages that are interpreted
    capacity            integer, -- seats; null: no limit
    seats_taken         integer NOT NULL DEFAULT 0, -- exact; written only under this row's lock
    repeated_seats      integer NOT NULL DEFAULT 0, -- kept free until the night, for people who registered again without confirmation
    waitlist            boolean NOT NULL DEFAULT true,
    next_waitlist_position          bigint NOT NULL DEFAULT 1, -- the next place in the line; written only under this row's lock
    waiting_parties     integer NOT NULL DEFAULT 0, -- parties on the waiting list, and the seats they ask for; exact; written only under this row's lock
    waiting_seats       integer NOT NULL DEFAULT 0,
    allow_smaller_parties_first boolean NOT NULL DEFAULT false, -- may a party that fits pass a larger one that waits?
    published_status    text NOT NULL DEFAULT 'open', -- what the public sees; moves only on the tick
    calendar_sequence   integer NOT NULL DEFAULT 0, -- iCalendar SEQUENCE: raised when time or place changes, or it is called off
    known               jsonb, -- what those who are registered know of it, until they are told of a change; null: as it is
    dropped_sessions    jsonb NOT NULL DEFAULT '[]', -- as sessions: calendar entries that were public and no longer belong to it
    CONSTRAINT events_kind_check CHECK (event_kind IN ('rally', 'march', 'assembly', 'vigil', 'workshop', 'training', 'camp', 'delivery', 'meeting', 'picnic', 'other')),
    CONSTRAINT events_format_check CHECK (format IN ('in_person', 'online', 'hybrid')),
    CONSTRAINT events_times_check CHECK (ends_at >= starts_at),
    CONSTRAINT events_capacity_check CHECK (capacity >= 1),
    CONSTRAINT events_seats_check CHECK (seats_taken >= 0 AND (capacity IS NULL OR seats_taken <= capacity)),
    CONSTRAINT events_published_status_check CHECK (published_status IN ('open', 'waitlist', 'closed')),
    CONSTRAINT events_joining_opens_check CHECK (joining_opens_minutes BETWEEN 5 AND 10080)
);
CREATE INDEX events_starts_at_idx ON events (starts_at);
CREATE INDEX events_repeated_seats_idx ON events (id) WHERE repeated_seats > 0;
-- events that have not ended: the tick reads no others
CREATE INDEX events_over_at_idx ON events (over_at);

CREATE TABLE attendances (
    id                 uuid PRIMARY KEY,
    event_id           uuid NOT NULL REFERENCES events (id),
    person_id          uuid NOT NULL REFERENCES people (id),
    state              text NOT NULL,
    party_size         smallint NOT NULL DEFAULT 1,
    sealed             bytea,
    locale             text,
    source             text,
    link_generation    smallint NOT NULL DEFAULT 0,
    confirm_expires_at timestamptz,
    created_at         timestamptz NOT NULL, -- protected events: floored to the day
    attempt            integer NOT NULL DEFAULT 1, -- counts up with the acts of one person here: which is newer, without a time
    reminded           boolean NOT NULL DEFAULT false, -- the one reminder to confirm was queued
    vouched            boolean NOT NULL DEFAULT false, -- entered by an organizer: nobody confirmed the address for it
    may_join           boolean NOT NULL DEFAULT true, -- false: an organizer has taken the join link away from it
    checked_in_at      timestamptz, -- its ticket was scanned at the door; never at protected events
    waitlist_position        bigint, -- place in the line of this event, counted up as places are given
    accepted_at        timestamptz,
    ended_at           timestamptz,
    CONSTRAINT attendances_state_check CHECK (state IN ('pending', 'accepted', 'waitlisted', 'cancelled', 'declined')),
    CONSTRAINT attendances_party_size_check CHECK (party_size BETWEEN 1 AND 10),
    CONSTRAINT attendances_accepted_check CHECK (state <> 'accepted' OR accepted_at IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX attendances_created_at_idx ON attendances (event_id, created_at);
CREATE INDEX attendances_state_idx ON attendances (event_id, state) WHERE state IN ('waitlisted', 'cancelled', 'declined');
CREATE UNIQUE INDEX attendances_active_key ON attendances (event_id, person_id) WHERE state IN ('accepted', 'waitlisted');
CREATE INDEX attendances_event_id_idx ON attendances (event_id, id);
CREATE INDEX attendances_person_id_idx ON attendances (person_id);
CREATE INDEX attendances_waitlist_idx ON attendances (event_id, waitlist_position) WHERE state = 'waitlisted';
-- The next in line of each size, of which there are ten.
CREATE INDEX attendances_waitlist_size_idx ON attendances (event_id, party_size, waitlist_position) WHERE state = 'waitlisted';
CREATE INDEX attendances_pending_idx ON attendances (confirm_expires_at) WHERE state = 'pending';
CREATE INDEX attendances_unreminded_idx ON attendances (created_at) WHERE state = 'pending' AND NOT reminded;

-- Seats that registrations hold until they are confirmed, for a short time. In no backup: it says when somebody registered.
CREATE UNLOGGED TABLE seat_holds (
    event_id      uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    attendance_id uuid NOT NULL,
    seats         smallint NOT NULL,
    held_until    timestamptz NOT NULL,
    PRIMARY KEY (event_id, attendance_id)
);

-- How many have joined an event online, by its days. The numbers have no names.
CREATE TABLE event_joins (
    event_id uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    day      date NOT NULL, -- in the event's zone
    joined   integer NOT NULL,
    PRIMARY KEY (event_id, day)
);

-- Who of today was counted: an HMAC under the secret of the day, which ends with it.
CREATE UNLOGGED TABLE event_join_marks (
    event_id uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    mark     bytea NOT NULL,
    day      date NOT NULL, -- in UTC, as that of the secret
    PRIMARY KEY (event_id, mark)
);

-- People who were counted at the door, by the device that counts: each says its own number, as often as it likes.
CREATE TABLE event_walk_ins (
    event_id uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    device   uuid NOT NULL, -- drawn by the page, of no person
    people   integer NOT NULL,
    PRIMARY KEY (event_id, device),
    CONSTRAINT event_walk_ins_people_check CHECK (people BETWEEN 0 AND 1000000)
);

CREATE TYPE attendance_submission AS (
    id uuid, event_id uuid, vault_id uuid, person_id uuid, email_index bytea, person_sealed bytea,
    mode text, -- 'pending' | 'immediate' (no confirmation asked) | 'vouched'
    party_size smallint, sealed bytea, locale text, source text, created_at timestamptz, confirm_expires_at timestamptz,
    held_until timestamptz, -- null: it holds no seats while it is pending
    email_id uuid, organization_id uuid, protected boolean,
    idempotency_key bytea, idempotency_request bytea
);

-- ===== mail =====

-- The mail queue. A row holds the state of a message, and neither recipient nor content: the message is composed from
-- the ids in `refs` when it is sent.
--
-- Waiting and settled mails are in different partitions: settling moves a row, so the table that is claimed from
-- stays as small as the queue is, however much was sent. Code that queues, claims or settles names the partition;
-- code that only reads may select from `emails`.

-- The row that a mail is about, as text: that of somebody's act, or of a person. All ids of people's rows in `refs` have one of
-- these names (src/mail/erasure.rs).
CREATE FUNCTION mail_subject(refs jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(refs ->> 'signature', refs ->> 'attendance', refs ->> 'letter', refs ->> 'outreach', refs ->> 'call', refs ->> 'person')
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

-- ===== broadcasts =====

-- Broadcasts: email updates to people who took part in an action and agreed to news.
CREATE TABLE broadcasts (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    organizer_id    uuid NOT NULL REFERENCES organizers (id),
    texts           jsonb NOT NULL, -- {"en": {"subject": text, "body": Markdown}}
    locale          text NOT NULL, -- language of the text for readers whose own has none
    actions         uuid[] NOT NULL, -- audience: people who took part in any of these
    tags            text[] NOT NULL DEFAULT '{}', -- audience: people who have any of these tags; with actions: who took part, too
    locales         text[] NOT NULL DEFAULT '{}', -- filter: their language is one of these; empty: any
    regions         text[] NOT NULL DEFAULT '{}', -- filter: they signed from one of these ('CA-ON'); empty: any
    sources         text[] NOT NULL DEFAULT '{}', -- filter: the source of their act is one of these; empty: any
    state           text NOT NULL DEFAULT 'draft',
    due_at          timestamptz, -- sending begins then
    audience        bigint, -- size of the audience at the last count; null: it is being counted
    audience_at     timestamptz, -- time of the last count
    audience_counted bigint NOT NULL DEFAULT 0, -- size so far, while it is being counted in steps
    audience_cursor  bytea, -- address index up to which it is counted
    audience_frozen  boolean NOT NULL DEFAULT false, -- all recipients are determined
    freeze_cursor   bytea, -- address index up to which recipients are determined, in steps
    recipients      bigint NOT NULL DEFAULT 0,
    enqueue_cursor  uuid, -- recipients up to this person were queued
    requeues_given_up boolean NOT NULL DEFAULT false, -- resumed: recipients whose mail was cancelled are first set back to 'waiting'
    created_at      timestamptz NOT NULL,
    started_at      timestamptz,
    finished_at     timestamptz,
    CONSTRAINT broadcasts_state_check CHECK (state IN ('draft', 'scheduled', 'sending', 'paused', 'done', 'cancelled', 'failed')),
    CONSTRAINT broadcasts_texts_check CHECK (jsonb_typeof(texts) = 'object'),
    CONSTRAINT broadcasts_due_check CHECK (state = 'draft' OR state = 'cancelled' OR due_at IS NOT NULL)
);
CREATE INDEX broadcasts_organization_id_idx ON broadcasts (organization_id, id);
CREATE INDEX broadcasts_organizer_id_idx ON broadcasts (organizer_id);

-- Recipients. Their mails are queued in a window of limited size, so that the mail queue stays small and a pause
-- takes effect at once: mails that are still queued are withdrawn then, and their recipients set back to 'waiting'.
CREATE TABLE broadcast_recipients (
    broadcast_id uuid NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    person_id    uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    state        text NOT NULL DEFAULT 'waiting',
    email_id     uuid, -- the recipient's mail; null: not queued
    CONSTRAINT broadcast_recipients_pkey PRIMARY KEY (broadcast_id, person_id),
    CONSTRAINT broadcast_recipients_state_check CHECK (state IN ('waiting', 'queued', 'sent', 'failed', 'uncertain', 'cancelled', 'bounced', 'complained'))
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX broadcast_recipients_person_id_idx ON broadcast_recipients (person_id);
CREATE INDEX broadcast_recipients_state_idx ON broadcast_recipients (broadcast_id, state);
CREATE INDEX broadcast_recipients_waiting_idx ON broadcast_recipients (broadcast_id, person_id) WHERE state = 'waiting';

-- Number of recipients by state, as a sum of deltas, so that rows need not be counted: appended with each change,
-- folded by the sending job.
CREATE TABLE broadcast_counts (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    broadcast_id uuid NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    state        text NOT NULL,
    delta        bigint NOT NULL,
    CONSTRAINT broadcast_counts_pkey PRIMARY KEY (id)
);
CREATE INDEX broadcast_counts_broadcast_id_idx ON broadcast_counts (broadcast_id, id);

-- ===== operations =====

-- Heartbeats of the processes of an installation, and the backups that were made of it.

-- One row per serving process, written every two seconds. It is the readiness check: a process that can commit this
-- write can commit a signature. Rows of processes that have ended are deleted after a day.
CREATE TABLE process_heartbeats (
    process_id uuid PRIMARY KEY, -- random, new at each start
    role       text NOT NULL,
    version    text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    CONSTRAINT process_heartbeats_role_check CHECK (role IN ('all', 'web', 'worker'))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- One row per backup (`muster backup`) that is complete, for the metrics; kept for 90 days.
CREATE TABLE backups (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at    timestamptz NOT NULL, -- of its snapshot, by the clock of the database
    finished_at timestamptz NOT NULL,
    bytes       bigint NOT NULL, -- of the file
    CONSTRAINT backups_times_check CHECK (finished_at >= taken_at),
    CONSTRAINT backups_bytes_check CHECK (bytes > 0)
);

-- One row: the least newest migration that a release has to know to run on this schema. A migration that breaks older
-- releases raises it (docs/adr/0020-migrations.md).
CREATE TABLE schema_compatibility (
    is_only        boolean NOT NULL DEFAULT true,
    oldest_release bigint NOT NULL,
    CONSTRAINT schema_compatibility_pkey PRIMARY KEY (is_only),
    CONSTRAINT schema_compatibility_is_only_check CHECK (is_only)
);
INSERT INTO schema_compatibility (oldest_release) VALUES (1);
