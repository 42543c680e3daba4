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

-- Puts confirmed letters on their way: one queue row for each outreach, or 'held' while the action is not
-- live and published.
-- Whoever changes whether an action's letters go out takes a stronger lock of its `letter_actions` row: a letter that is
-- dispatched before the change is there for the job that follows it (src/letters/dispatch.rs), and one that is dispatched
-- after it sees it. So none stays behind in 'held', and none is queued twice: only what is 'pending' or 'held' is queued,
-- and what is held again has lost its row in the queue in the same transaction.
CREATE FUNCTION dispatch_letters(letter_ids uuid[], at timestamptz) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM FROM letter_actions la WHERE la.id IN (SELECT l.letter_action_id FROM letters l WHERE l.id = ANY (letter_ids)) ORDER BY la.id FOR SHARE;
    WITH theirs AS MATERIALIZED (
        SELECT o.id, o.letter_action_id FROM outreaches o WHERE o.letter_id = ANY (letter_ids)
    )
    UPDATE outreaches o SET state = 'held'
    FROM theirs t
    WHERE o.id = t.id AND o.state = 'pending'
      AND NOT (SELECT la.live AND act.state = 'published' FROM letter_actions la JOIN actions act ON act.id = la.id
               WHERE la.id = t.letter_action_id);
    WITH theirs AS MATERIALIZED (
        SELECT o.id, o.letter_action_id FROM outreaches o WHERE o.letter_id = ANY (letter_ids)
    ), ready AS (
        UPDATE outreaches o SET state = 'queued', email_id = coalesce(o.email_id, uuid_v7(at))
        FROM theirs t
        WHERE o.id = t.id AND o.state IN ('pending', 'held')
          AND (SELECT la.live AND act.state = 'published' FROM letter_actions la JOIN actions act ON act.id = la.id
               WHERE la.id = t.letter_action_id)
        RETURNING o.id, o.email_id, o.office_id, o.letter_action_id
    )
    INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at)
    SELECT r.email_id, act.organization_id, 'letter', 'letter_deliver',
           coalesce((SELECT m.mailbox_id::text FROM office_mailboxes m WHERE m.office_id = r.office_id AND m.position = 0), ''),
           jsonb_build_object('outreach', r.id), act.privacy = 'protected', 'queued', at, at
    FROM ready r JOIN actions act ON act.id = r.letter_action_id;
    -- only lanes that are known are looked at
    INSERT INTO mail_lanes (lane)
    SELECT DISTINCT m.mailbox_id::text FROM outreaches o JOIN office_mailboxes m ON m.office_id = o.office_id AND m.position = 0
    WHERE o.letter_id = ANY (letter_ids) AND NOT EXISTS (SELECT FROM mail_lanes l WHERE l.lane = m.mailbox_id::text)
    ORDER BY 1 ON CONFLICT DO NOTHING;
END $$;

-- Writes a batch of letters: people, letters, outreaches, counts, mail and idempotency rows in one commit.
-- Outcomes: 'created', 'replayed', 'mismatch'. `are_attached`: they come with other acts (signatures), whose transaction this is.
CREATE FUNCTION submit_letters(acts letter_submission[], targets letter_submission_target[], are_attached boolean DEFAULT false) RETURNS TABLE (submission_id uuid, letter_ref uuid, person_ref uuid, outcome text)
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    spent spent_key[];
    persons uuid[];
    vouched uuid[];
    keyed boolean := EXISTS (SELECT FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL);
BEGIN
    IF keyed THEN
        SELECT array_agg(s) INTO spent FROM claim_idempotency_keys(ARRAY(
            SELECT (a.id, a.idempotency_key, a.idempotency_request, a.created_at)::keyed_act
            FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL)) AS s;
        RETURN QUERY SELECT s.act_id, s.resource_id, NULL::uuid, s.outcome FROM unnest(spent) AS s;
        acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id NOT IN (SELECT s.act_id FROM unnest(spent) AS s));
    END IF;

    WITH a AS (
        SELECT * FROM unnest(acts) WITH ORDINALITY
    ), p AS (
        SELECT * FROM upsert_people(ARRAY(
            SELECT (u.person_id, u.vault_id, u.email_index, u.person_sealed, u.locale, u.created_at)::person_act FROM unnest(acts) u))
    ), l AS (
        INSERT INTO letters (id, letter_action_id, person_id, state, sealed, locale, source, variant, confirm_expires_at, created_at, confirmed_at, attempt, is_attached)
        SELECT a.id, a.letter_action_id, p.id, CASE a.mode WHEN 'vouched' THEN 'confirmed' ELSE 'pending' END, a.sealed, a.locale, a.source,
               a.variant, CASE a.mode WHEN 'vouched' THEN NULL ELSE a.confirm_expires_at END, a.created_at,
               CASE a.mode WHEN 'vouched' THEN a.created_at END,
               coalesce((SELECT max(x.attempt) FILTER (WHERE x.letter_action_id = a.letter_action_id) FROM letters x WHERE x.person_id = p.id), 0)
               + row_number() OVER (PARTITION BY a.letter_action_id, p.id ORDER BY a.ordinality), are_attached
        FROM a JOIN p USING (vault_id, email_index) ORDER BY a.ordinality
    ), o AS (
        INSERT INTO outreaches (id, letter_id, letter_action_id, office_id, state, email_id, created_at)
        SELECT t.outreach_id, a.id, a.letter_action_id, t.office_id, 'pending', t.email_id, a.created_at
        FROM unnest(targets) t JOIN a ON a.id = t.letter_id
    )
    SELECT array_agg(p.id) INTO persons FROM p;

    -- Pending acts are not unique: anybody may type any address. The oldest 199 of a person are kept, to which links were
    -- mailed, and the newest. Attached ones go with their act.
    WITH theirs AS MATERIALIZED (
        SELECT x.id, x.letter_action_id, x.person_id, x.attempt, x.state, x.is_attached FROM letters x WHERE x.person_id = ANY (persons)
    )
    DELETE FROM letters s USING (
        SELECT x.id, row_number() OVER (PARTITION BY x.letter_action_id, x.person_id ORDER BY x.attempt, x.id) AS place,
               count(*) OVER (PARTITION BY x.letter_action_id, x.person_id) AS most
        FROM theirs x WHERE x.state = 'pending' AND NOT x.is_attached
    ) old WHERE old.id = s.id AND old.place BETWEEN 200 AND old.most - 1 AND s.id NOT IN (SELECT a.id FROM unnest(acts) a);

    SELECT array_agg(a.id) INTO vouched FROM unnest(acts) a WHERE a.mode = 'vouched';
    IF vouched IS NOT NULL THEN
        PERFORM dispatch_letters(vouched, (SELECT min(a.created_at) FROM unnest(acts) a));
        INSERT INTO action_count_deltas (action_id, dimension, key, delta)
        SELECT o.letter_action_id, d.dimension, d.key, count(*)
        FROM unnest(acts) a JOIN outreaches o ON o.letter_id = a.id,
             LATERAL (VALUES ('total', ''), ('day', to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', a.locale), ('source', a.source)) d (dimension, key)
        WHERE a.id = ANY (vouched) AND d.key IS NOT NULL
        GROUP BY 1, 2, 3;
    END IF;

    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT a.email_id, a.organization_id, 'confirmation', 'letter_confirm', jsonb_build_object('letter', a.id), a.protected,
           'queued', a.created_at, a.created_at
    FROM unnest(acts) a
    WHERE a.email_id IS NOT NULL AND a.mode = 'pending';

    RETURN QUERY
        SELECT a.id, a.id, CASE WHEN a.mode = 'vouched' THEN l.person_id END, 'created'::text
        FROM unnest(acts) a JOIN letters l ON l.id = a.id;
END $$;

CREATE TRIGGER letter_actions_changed AFTER UPDATE ON letter_actions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE TRIGGER letter_targets_changed AFTER INSERT OR UPDATE OR DELETE ON letter_targets FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('letter_action_id');
CREATE TRIGGER letter_templates_changed AFTER INSERT OR UPDATE OR DELETE ON letter_templates FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('letter_action_id');
CREATE TRIGGER offices_changed AFTER UPDATE ON offices FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE TRIGGER officials_changed AFTER UPDATE ON officials FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE TRIGGER terms_changed AFTER INSERT OR UPDATE OR DELETE ON terms FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
