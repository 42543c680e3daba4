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
