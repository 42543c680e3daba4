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
    CONSTRAINT imports_mapping_check CHECK (jsonb_typeof(mapping) = 'object')
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

-- Writes a batch of signatures with their people, counts, mail and idempotency rows: one round trip, one commit.
-- Acts arrive ordered by (vault_id, email_index), so that two batches lock people in the same order.
-- `attached_letters` are the letters that some of the acts write along, by `letter_id`; they bring neither a mail nor a key of
-- their own. Outcomes: 'created', 'duplicate' (kept uncounted, or already there for a vouched act), 'withdrawn' (imported, and
-- its owner took the signature back before: nothing is written), 'stale' (imported, and somebody was erased since the row was
-- read, maybe its owner: nothing is written), 'replayed' (idempotency key
-- seen with the same request), 'mismatch' (seen with another request). signature_id is the row to show; person_ref, for
-- vouched acts only, the person it belongs to (whose details the vouching caller completes
-- afterwards, where she was there before).
--
-- Sessions live for days and keep the plans they made when the tables were small or empty. So plans are generic, never
-- sequential, and each statement names the one column whose index it wants: a person's few rows are found by person_id
-- alone and told apart afterwards; a condition on petition_id beside it might one day be answered by reading the whole petition.
CREATE FUNCTION submit_signatures(acts signature_submission[], attached_letters letter_submission[], targets letter_submission_target[])
RETURNS TABLE (submission_id uuid, signature_id uuid, person_ref uuid, outcome text)
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    keyed boolean := EXISTS (SELECT FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL);
    vouching boolean := EXISTS (SELECT FROM unnest(acts) a WHERE a.mode = 'vouched');
    spent spent_key[];
    counted uuid[];
    persons uuid[];
    held vouched_signature[];
    withdrawn vouched_signature[];
    letters_gone uuid[];
    stale uuid[];
BEGIN
    IF keyed THEN
        SELECT array_agg(s) INTO spent FROM claim_idempotency_keys(ARRAY(
            SELECT (a.id, a.idempotency_key, a.idempotency_request, a.created_at)::keyed_act
            FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL)) AS s;
        RETURN QUERY SELECT s.act_id, s.resource_id, NULL::uuid, s.outcome FROM unnest(spent) AS s;
        acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id NOT IN (SELECT s.act_id FROM unnest(spent) AS s));
    END IF;

    -- Whoever is erased holds the rows of the unread imports (src/petitions/import_erasure.rs): what was read before is read
    -- again. A statement of its own, so that it sees what was committed while the lock was waited for.
    IF EXISTS (SELECT FROM unnest(acts) a WHERE a.import_id IS NOT NULL) THEN
        PERFORM FROM imports i WHERE i.id IN (SELECT a.import_id FROM unnest(acts) a) ORDER BY i.id FOR KEY SHARE;
        SELECT array_agg(a.id) INTO stale FROM unnest(acts) a
        WHERE a.import_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM imports i WHERE i.id = a.import_id AND i.erasures = a.import_erasures);
        IF stale IS NOT NULL THEN
            RETURN QUERY SELECT s, s, NULL::uuid, 'stale'::text FROM unnest(stale) AS s;
            acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id <> ALL (stale));
        END IF;
    END IF;

    -- People whose signatures are read or changed before the people of this batch are found or made are locked first, and all
    -- others of the batch with them: the lock order is in src/people/mod.rs.
    IF EXISTS (SELECT FROM unnest(acts) a WHERE a.import_id IS NOT NULL) THEN
        PERFORM FROM people p
        WHERE p.id IN (SELECT k.id FROM unnest(acts) a JOIN people k ON k.vault_id = a.vault_id AND k.email_index = a.email_index)
        ORDER BY p.vault_id, p.email_index FOR NO KEY UPDATE;
    END IF;

    -- An import does not restore what its owner has withdrawn: an owner who withdraws at this moment has done so by now, or
    -- has a signature that counts.
    IF EXISTS (SELECT FROM unnest(acts) a WHERE a.import_id IS NOT NULL) THEN
        WITH theirs AS MATERIALIZED (
            SELECT a.id, a.petition_id, a.name_index, s.id AS signed_id, s.petition_id AS signed, s.name_index AS signed_name, s.state
            FROM unnest(acts) a
            JOIN people p ON p.vault_id = a.vault_id AND p.email_index = a.email_index
            JOIN signatures s ON s.person_id = p.id
            WHERE a.import_id IS NOT NULL
        )
        SELECT array_agg((t.id, t.signed_id, NULL)::vouched_signature) INTO withdrawn
        FROM (SELECT DISTINCT ON (x.id) x.id, x.signed_id, x.state FROM theirs x
              WHERE x.signed = x.petition_id AND x.signed_name = x.name_index AND x.state IN ('counted', 'withdrawn')
              ORDER BY x.id, x.state) t
        WHERE t.state = 'withdrawn'; -- one that signed again since has a row that counts, which sorts first
        IF withdrawn IS NOT NULL THEN
            RETURN QUERY SELECT w.submission_id, w.signature_id, NULL::uuid, 'withdrawn'::text FROM unnest(withdrawn) AS w;
            acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id NOT IN (SELECT w.submission_id FROM unnest(withdrawn) AS w));
        END IF;
    END IF;

    WITH a AS (
        SELECT * FROM unnest(acts) WITH ORDINALITY
    ), p AS (
        SELECT * FROM upsert_people(ARRAY(
            SELECT (u.person_id, u.vault_id, u.email_index, u.person_sealed, u.locale, u.created_at)::person_act FROM unnest(acts) u))
    ), c AS (
        INSERT INTO signatures AS s (id, petition_id, person_id, state, name_index, sealed, display, locale, country, region,
                                     postal_prefix, source, comment_state, delivers_name, quarantine_reason, import_id,
                                     created_at, counted_at)
        SELECT a.id, a.petition_id, p.id, 'counted', a.name_index, a.sealed, a.display, a.locale, a.country, a.region,
               a.postal_prefix, a.source, a.comment_state, a.delivers_name, a.quarantine_reason, a.import_id,
               a.created_at, a.created_at
        FROM a JOIN p USING (vault_id, email_index) WHERE a.mode <> 'pending' AND a.quarantine_reason IS NULL
        ORDER BY a.petition_id, p.id, a.name_index, a.ordinality
        ON CONFLICT (petition_id, person_id, name_index) WHERE state = 'counted' DO NOTHING
        RETURNING s.id
    ), r AS (
        INSERT INTO signatures (id, petition_id, person_id, state, name_index, sealed, display, locale, country, region,
                                postal_prefix, source, comment_state, delivers_name, quarantine_reason, import_id,
                                confirm_expires_at, created_at, counted_at, ended_at, attempt)
        SELECT a.id, a.petition_id, p.id, u.state, a.name_index,
               CASE WHEN u.state <> 'duplicate' THEN a.sealed END, a.display, a.locale, a.country, a.region, a.postal_prefix, a.source,
               CASE WHEN u.state <> 'duplicate' THEN a.comment_state ELSE 'none' END, a.delivers_name, a.quarantine_reason, a.import_id, a.confirm_expires_at, a.created_at,
               CASE u.state WHEN 'quarantined' THEN a.created_at END, CASE u.state WHEN 'duplicate' THEN a.created_at END,
               coalesce((SELECT max(x.attempt) FILTER (WHERE x.petition_id = a.petition_id) FROM signatures x WHERE x.person_id = p.id), 0)
               + row_number() OVER (PARTITION BY a.petition_id, p.id ORDER BY a.ordinality)
        FROM a JOIN p USING (vault_id, email_index),
             -- what is suspected is held back, unless it would be a duplicate anyway
             LATERAL (SELECT CASE WHEN a.mode = 'pending' THEN 'pending'
                                  WHEN a.quarantine_reason IS NULL THEN 'duplicate'
                                  WHEN (SELECT coalesce(bool_or(x.petition_id = a.petition_id AND x.name_index = a.name_index AND x.state IN ('counted', 'quarantined')), false)
                                        FROM signatures x WHERE x.person_id = p.id) THEN 'duplicate'
                                  ELSE 'quarantined' END AS state) u
        WHERE a.mode = 'pending' OR (a.mode = 'immediate' AND NOT EXISTS (SELECT FROM c WHERE c.id = a.id))
    )
    SELECT coalesce((SELECT array_agg(c.id) FROM c), '{}'), (SELECT array_agg(p.id) FROM p) INTO counted, persons;

    IF cardinality(attached_letters) > 0 THEN -- both or neither: a signature that was there before sends no second letter
        attached_letters := ARRAY(SELECT l FROM unnest(attached_letters) l JOIN unnest(acts) a ON a.letter_id = l.id
                         WHERE a.mode = 'pending' OR a.id = ANY (counted));
        IF cardinality(attached_letters) > 0 THEN
            PERFORM FROM submit_letters(attached_letters, ARRAY(
                SELECT t FROM unnest(targets) t WHERE t.letter_id IN (SELECT l.id FROM unnest(attached_letters) l)), true);
            UPDATE signatures s SET letter_id = a.letter_id
            FROM unnest(acts) a JOIN unnest(attached_letters) l ON l.id = a.letter_id WHERE s.id = a.id;
        END IF;
    END IF;

    IF cardinality(counted) > 0 THEN
        INSERT INTO action_count_deltas (action_id, dimension, key, delta)
        SELECT a.petition_id, d.dimension, d.key, count(*)
        FROM unnest(acts) a,
             LATERAL (VALUES ('total', ''), ('day', to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', a.country),
                             ('region', a.country || '-' || a.region), ('locale', a.locale), ('source', a.source)) d (dimension, key)
        WHERE a.id = ANY (counted) AND d.key IS NOT NULL
        GROUP BY 1, 2, 3;
    END IF;

    -- Without confirmation the published number counts a person again until the night (settle_repeated_submissions): otherwise
    -- whoever submits an address would see whether it was there. The total is named so that it is published.
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT a.petition_id, d.dimension, '', sum(d.delta)
    FROM unnest(acts) a, LATERAL (VALUES ('repeated', 1), ('total', 0)) d (dimension, delta)
    WHERE a.mode = 'immediate' AND a.quarantine_reason IS NULL AND a.id <> ALL (counted)
    GROUP BY 1, 2;

    INSERT INTO signature_signals (signature_id, petition_id, network_tag, domain_tag, created_at)
    SELECT a.id, a.petition_id, a.network_tag, a.domain_tag, a.created_at
    FROM unnest(acts) a WHERE NOT a.protected AND (a.network_tag IS NOT NULL OR a.domain_tag IS NOT NULL);

    -- Pending acts are not unique: anybody may type any address. The oldest 199 of a person for each petition are kept, to
    -- which links were mailed, and the newest. For everybody, known or not: the work must not tell them apart.
    WITH theirs AS MATERIALIZED (
        SELECT x.id, x.petition_id, x.person_id, x.attempt, x.state FROM signatures x WHERE x.person_id = ANY (persons)
    ), gone AS (
        DELETE FROM signatures s USING (
            SELECT x.id, row_number() OVER (PARTITION BY x.petition_id, x.person_id ORDER BY x.attempt, x.id) AS place,
               count(*) OVER (PARTITION BY x.petition_id, x.person_id) AS most
            FROM theirs x WHERE x.state = 'pending'
        ) old WHERE old.id = s.id AND old.place BETWEEN 200 AND old.most - 1 AND s.id NOT IN (SELECT a.id FROM unnest(acts) a)
        RETURNING s.letter_id
    )
    SELECT array_agg(g.letter_id) INTO letters_gone FROM gone g WHERE g.letter_id IS NOT NULL;
    IF letters_gone IS NOT NULL THEN
        DELETE FROM letters l WHERE l.id = ANY (letters_gone) AND l.state = 'pending';
    END IF;

    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT a.email_id, a.organization_id, a.email_class, a.email_kind, jsonb_build_object('signature', a.id), a.protected,
           'queued', a.created_at, a.created_at
    FROM unnest(acts) a
    WHERE a.email_id IS NOT NULL
      AND CASE a.mode
              WHEN 'pending' THEN true
              WHEN 'vouched' THEN a.id = ANY (counted)
              ELSE a.id = ANY (counted) OR a.quarantine_reason IS NOT NULL OR NOT EXISTS ( -- submitted again: one mail a day
                  SELECT FROM signatures n JOIN signatures o ON o.person_id = n.person_id
                  WHERE n.id = a.id AND o.petition_id = a.petition_id AND o.state = 'duplicate' AND o.attempt < n.attempt
                    AND o.created_at >= date_trunc('day', a.created_at, 'UTC'))
          END;

    IF vouching THEN
        WITH theirs AS MATERIALIZED (
            SELECT s.id, s.petition_id, s.person_id, s.name_index, p.vault_id, p.email_index
            FROM signatures s JOIN people p ON p.id = s.person_id
            WHERE s.person_id = ANY (persons) AND s.state = 'counted'
        )
        SELECT array_agg((a.id, t.id, t.person_id)::vouched_signature) INTO held
        FROM unnest(acts) a JOIN theirs t USING (vault_id, email_index, petition_id, name_index)
        WHERE a.mode = 'vouched';
        IF keyed THEN -- a vouched act that found its signature already there is replayed as that one
            UPDATE idempotency_keys k SET resource_id = h.signature_id, status = 200
            FROM unnest(acts) a JOIN unnest(held) h ON h.submission_id = a.id
            WHERE k.key = a.idempotency_key AND k.resource_id = a.id AND h.signature_id <> a.id;
        END IF;
    END IF;

    RETURN QUERY
        SELECT a.id, coalesce(h.signature_id, a.id), h.person_id,
               CASE WHEN a.mode = 'pending' OR a.id = ANY (counted) THEN 'created' ELSE 'duplicate' END
        FROM unnest(acts) a LEFT JOIN unnest(held) h ON h.submission_id = a.id;
END $$;

CREATE TRIGGER allowances_changed AFTER INSERT OR UPDATE OR DELETE ON allowances FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE TRIGGER petitions_changed AFTER UPDATE ON petitions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE TRIGGER milestones_changed AFTER INSERT OR UPDATE OR DELETE ON milestones FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');
CREATE TRIGGER paper_batches_changed AFTER INSERT OR UPDATE OR DELETE ON paper_batches FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');
CREATE TRIGGER petition_deliveries_changed AFTER INSERT OR UPDATE OR DELETE ON petition_deliveries FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');
