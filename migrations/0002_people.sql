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
