-- Personal data. Everything that says who somebody is stands in a `sealed` column (see src/kernel/vault.rs).

CREATE TABLE vaults (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    kind            text NOT NULL,
    wrapping_key    text,  -- name of the keyring's key that wraps this vault's two keys: "root-2" or "vault-<id>"
    wrapped_keys    bytea, -- data key | index key, sealed under the wrapping key
    destroy_after   date,  -- protected vaults end with this day (everywhere on Earth), with every copy in every backup
    created_at      timestamptz NOT NULL,
    destroyed_at    timestamptz,
    CONSTRAINT vaults_kind_check CHECK (kind IN ('organization', 'protected')),
    CONSTRAINT vaults_protected_ends_check CHECK (kind = 'organization' OR destroy_after IS NOT NULL),
    CONSTRAINT vaults_destroyed_check CHECK ((destroyed_at IS NULL) = (wrapped_keys IS NOT NULL) AND (wrapping_key IS NULL) = (wrapped_keys IS NULL))
);
CREATE UNIQUE INDEX vaults_organization_key ON vaults (organization_id) WHERE kind = 'organization';
CREATE INDEX vaults_organization_id_idx ON vaults (organization_id);
CREATE INDEX vaults_destroy_after_idx ON vaults (destroy_after) WHERE kind = 'protected' AND destroyed_at IS NULL;

-- Which generation of the keyring writes: root-2, links-2, requests-2 and suppressions-2 are generation 2. Here and not in
-- the key files, so that all processes change over together (see src/kernel/vault/rotation.rs).
CREATE TABLE keyring_generations (
    generation   integer PRIMARY KEY,
    writes_from  timestamptz NOT NULL, -- from this moment on it signs; it wraps organizations' vaults from its row on
    activated_at timestamptz NOT NULL,
    CONSTRAINT keyring_generations_generation_check CHECK (generation > 0),
    CONSTRAINT keyring_generations_writes_from_check CHECK (writes_from >= activated_at)
);
INSERT INTO keyring_generations (generation, writes_from, activated_at) VALUES (1, 'epoch', 'epoch');

-- The processes that use the keyring, and what each has: names and fingerprints of its keys, never a key.
CREATE TABLE keyring_nodes (
    node    text PRIMARY KEY, -- host and a random part: one for each process
    role    text NOT NULL, -- all, web, worker
    keys    text[] NOT NULL, -- "root-2:91c3a6..."
    seen_at timestamptz NOT NULL -- by the clock of the database
);

-- Tells this database from others that use the same key files: a key that another one needs is not taken for a leftover.
CREATE TABLE keyring_database (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    id       uuid NOT NULL
);
INSERT INTO keyring_database (id) VALUES (gen_random_uuid());

CREATE TABLE people (
    id           uuid PRIMARY KEY,
    vault_id     uuid NOT NULL REFERENCES vaults (id),
    email_index  bytea, -- HMAC-SHA256 of the normalised address under the vault's index key; null: signed on paper
    sealed       bytea, -- null until the owner of the address, or an organizer, has vouched for the details
    locale       text,
    origin       text NOT NULL DEFAULT 'act', -- what made the row: a public act, an organizer, an import
    created_at   timestamptz NOT NULL,
    modified_at  timestamptz NOT NULL,
    confirmed_at timestamptz, -- when the owner of the address first confirmed anything, or an organizer vouched
    CONSTRAINT people_vault_email_key UNIQUE (vault_id, email_index),
    CONSTRAINT people_email_index_check CHECK (octet_length(email_index) = 32),
    CONSTRAINT people_origin_check CHECK (origin IN ('act', 'organizer', 'import')),
    CONSTRAINT people_confirmed_check CHECK ((confirmed_at IS NULL) = (sealed IS NULL))
) WITH (fillfactor = 85, -- room for the upsert's in-place versions
      autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Lists show those who are confirmed. Not over `sealed`: each change of a person's details would need new entries everywhere.
CREATE INDEX people_listed_idx ON people (vault_id, id) WHERE confirmed_at IS NOT NULL;
CREATE INDEX people_modified_at_idx ON people (vault_id, modified_at) WHERE confirmed_at IS NOT NULL;
CREATE INDEX people_created_at_idx ON people (vault_id, created_at) WHERE confirmed_at IS NOT NULL;

-- The person part of an act on its way into the hot path.
CREATE TYPE person_act AS (person_id uuid, vault_id uuid, email_index bytea, sealed bytea, locale text, created_at timestamptz);

-- Finds or makes the people of a batch of acts, in the order in which every batch locks them. A public act carries no
-- `sealed` and changes nothing about a person; a vouching one fills in a person whom it makes. The details of one who is
-- there are completed under her lock afterwards, so that what she confirms meanwhile is not undone.
CREATE FUNCTION upsert_people(acts person_act[]) RETURNS TABLE (id uuid, vault_id uuid, email_index bytea, created boolean)
LANGUAGE sql AS $$
    INSERT INTO people AS p (id, vault_id, email_index, sealed, locale, origin, created_at, modified_at, confirmed_at)
    SELECT DISTINCT ON (a.vault_id, a.email_index)
           a.person_id, a.vault_id, a.email_index, a.sealed,
           CASE WHEN a.sealed IS NOT NULL THEN a.locale END,
           CASE WHEN a.sealed IS NULL THEN 'act' ELSE 'organizer' END,
           a.created_at, a.created_at,
           CASE WHEN a.sealed IS NOT NULL THEN a.created_at END
    FROM unnest(acts) a
    ORDER BY a.vault_id, a.email_index, a.sealed IS NULL
    -- not DO NOTHING: that returns no row for a person whom a concurrent batch has just made
    ON CONFLICT (vault_id, email_index) DO UPDATE
        SET sealed = CASE WHEN excluded.id = p.id THEN coalesce(excluded.sealed, p.sealed) ELSE p.sealed END,
            confirmed_at = CASE WHEN excluded.id = p.id THEN coalesce(p.confirmed_at, excluded.confirmed_at) ELSE p.confirmed_at END,
            modified_at = CASE WHEN excluded.id = p.id AND excluded.sealed IS NOT NULL THEN excluded.modified_at ELSE p.modified_at END
    RETURNING p.id, p.vault_id, p.email_index, (xmax = 0)
$$;

-- What a person agreed to, as it was worded: the proof that CASL asks of the sender. Append-only.
CREATE TABLE consents (
    id              uuid PRIMARY KEY,
    person_id       uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    purpose         text NOT NULL, -- "updates", or "partner:<slug>"
    granted         boolean NOT NULL, -- false: withdrawn
    wording         text NOT NULL, -- the sentence beside the box
    wording_version text NOT NULL,
    locale          text NOT NULL,
    source          text NOT NULL, -- where the box stood: "petition:<slug>", "preferences", "api"
    created_at      timestamptz NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX consents_person_id_idx ON consents (person_id, purpose, created_at DESC);
CREATE TRIGGER consents_append_only BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Addresses that get no mail. The global list ("never mail me again") has its own index key, so it joins with no vault.
CREATE TABLE suppressions (
    id            uuid PRIMARY KEY,
    vault_id      uuid REFERENCES vaults (id), -- null: everywhere
    address_index bytea NOT NULL,
    reason        text NOT NULL,
    created_at    timestamptz NOT NULL, -- 'bounced': of the newest bounce
    bounces       smallint NOT NULL DEFAULT 1, -- 'bounced': how often it was found dead
    expires_at    timestamptz, -- 'bounced' only: an address may come to life again; every other reason stays
    tried_at      timestamptz, -- 'bounced': somebody acted again and one new confirmation went out
    trial         uuid, -- the id of that mail
    unsubscribed  boolean NOT NULL DEFAULT false, -- 'bounced': it had unsubscribed before, which stays when the bounce is over
    CONSTRAINT suppressions_reason_check CHECK (reason IN ('never_again', 'unsubscribed', 'bounced', 'complained', 'organizer')),
    CONSTRAINT suppressions_expires_check CHECK (reason = 'bounced' OR (expires_at IS NULL AND tried_at IS NULL AND trial IS NULL)),
    CONSTRAINT suppressions_trial_check CHECK ((trial IS NULL) = (tried_at IS NULL))
);
CREATE UNIQUE INDEX suppressions_everywhere_key ON suppressions (address_index) WHERE vault_id IS NULL;
CREATE UNIQUE INDEX suppressions_vault_key ON suppressions (vault_id, address_index) WHERE vault_id IS NOT NULL;
CREATE INDEX suppressions_expires_at_idx ON suppressions (expires_at) WHERE expires_at IS NOT NULL;

-- Addresses that bounced once in a way that may pass (a disabled mailbox). The second strike, days later, suppresses.
CREATE TABLE address_strikes (
    vault_id      uuid NOT NULL REFERENCES vaults (id),
    address_index bytea NOT NULL,
    struck_at     timestamptz NOT NULL, -- of the first strike
    CONSTRAINT address_strikes_pkey PRIMARY KEY (vault_id, address_index)
);
CREATE INDEX address_strikes_struck_at_idx ON address_strikes (struck_at);
