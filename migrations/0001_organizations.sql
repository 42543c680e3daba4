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
