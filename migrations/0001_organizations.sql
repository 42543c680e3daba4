-- Organizations, organizers, their API tokens and sessions, and the audit log.

-- A UUID of version 7 (RFC 9562) for rows inserted by SQL: time-ordered, so that new index entries are next to each
-- other. For rows of protected actions the caller passes the day instead of the time.
CREATE FUNCTION uuid_v7(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(set_byte(r.bytes, 6, 112 + get_byte(r.bytes, 6) % 16), 'hex')::uuid
    FROM (SELECT overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6)) AS r (bytes)
$$;

CREATE TABLE organizations (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    slug        text NOT NULL,
    locale      text NOT NULL DEFAULT 'en', -- the language mail and pages fall back to
    abuse_settings jsonb NOT NULL DEFAULT '{}', -- limits and switches that hold floods back (see src/petitions/abuse.rs)
    created_at  timestamptz NOT NULL,
    CONSTRAINT organizations_abuse_settings_check CHECK (jsonb_typeof(abuse_settings) = 'object'),
    CONSTRAINT organizations_slug_key UNIQUE (slug),
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
CREATE INDEX organizers_organization_id_idx ON organizers (organization_id);

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
CREATE INDEX api_tokens_organizer_id_idx ON api_tokens (organizer_id);

CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY, -- SHA-256 of the cookie's random value
    organizer_id uuid NOT NULL REFERENCES organizers (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT sessions_expires_at_check CHECK (expires_at > created_at)
);
CREATE INDEX sessions_organizer_id_idx ON sessions (organizer_id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

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

-- For consents and the audit log, which are evidence: rows may be deleted with their subject, but never updated.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
