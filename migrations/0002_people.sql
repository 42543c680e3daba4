-- Personal data. Everything that says who somebody is stands in a `sealed` column (see src/kernel/vault.rs).

CREATE TABLE vaults (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    kind            text NOT NULL,
    wrapping_key    text,  -- name of the keyring's key that wraps this vault's two keys: "root-2" or "month-2027-03"
    wrapped_keys    bytea, -- data key | index key, sealed under the wrapping key
    destroy_after   date,  -- protected vaults end in this month, with every copy in every backup
    created_at      timestamptz NOT NULL,
    destroyed_at    timestamptz,
    CONSTRAINT vaults_kind_check CHECK (kind IN ('organization', 'protected')),
    CONSTRAINT vaults_protected_ends_check CHECK (kind = 'organization' OR destroy_after IS NOT NULL),
    CONSTRAINT vaults_destroyed_check CHECK ((destroyed_at IS NULL) = (wrapped_keys IS NOT NULL) AND (wrapping_key IS NULL) = (wrapped_keys IS NULL))
);
CREATE UNIQUE INDEX vaults_organization_key ON vaults (organization_id) WHERE kind = 'organization';
CREATE INDEX vaults_organization_id_idx ON vaults (organization_id);

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
) WITH (fillfactor = 85); -- room for the upsert's in-place versions

-- The person part of an act on its way into the hot path.
CREATE TYPE person_act AS (person_id uuid, vault_id uuid, email_index bytea, sealed bytea, locale text, created_at timestamptz);

-- Finds or makes the people of a batch of acts, in the order in which every batch locks them. A public act carries no
-- `sealed` and changes nothing about a person; a vouching one fills in the person it looked up before (a sealed text is
-- bound to its row's id, so it cannot fill in a row that somebody else made in between).
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
);
CREATE INDEX consents_person_id_idx ON consents (person_id, purpose, created_at DESC);
CREATE TRIGGER consents_append_only BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Addresses that get no mail. The global list ("never mail me again") has its own index key, so it joins with no vault.
CREATE TABLE suppressions (
    id            uuid PRIMARY KEY,
    vault_id      uuid REFERENCES vaults (id), -- null: everywhere
    address_index bytea NOT NULL,
    reason        text NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT suppressions_reason_check CHECK (reason IN ('never_again', 'unsubscribed', 'bounced', 'complained', 'organizer'))
);
CREATE UNIQUE INDEX suppressions_everywhere_key ON suppressions (address_index) WHERE vault_id IS NULL;
CREATE UNIQUE INDEX suppressions_vault_key ON suppressions (vault_id, address_index) WHERE vault_id IS NOT NULL;
