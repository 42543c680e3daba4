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
