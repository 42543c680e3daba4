-- Puts confirmed letters on their way: one queue row for each outreach, or 'held' while the action is not
-- live and published.
-- Whoever changes whether an action's letters go out takes a stronger lock of its `letter_actions` row: a letter that is
-- dispatched before the change is there for the job that follows it (src/letters/dispatch.rs), and one that is dispatched
-- after it sees it. So none stays behind in 'held', and none is queued twice: only what is 'pending' or 'held' is queued,
-- and what is held again has lost its row in the queue in the same transaction.
CREATE OR REPLACE FUNCTION dispatch_letters(letter_ids uuid[], at timestamptz) RETURNS void LANGUAGE plpgsql
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
CREATE OR REPLACE FUNCTION submit_letters(acts letter_submission[], targets letter_submission_target[], are_attached boolean DEFAULT false) RETURNS TABLE (submission_id uuid, letter_ref uuid, person_ref uuid, outcome text)
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
