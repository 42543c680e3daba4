-- Adds calls to the counts of their action, or takes them off (`sign` -1).
CREATE OR REPLACE FUNCTION add_to_call_counts(call_ids uuid[], sign integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT c.call_action_id, d.dimension, d.key, sign * count(*)
    FROM calls c,
         LATERAL (VALUES ('total', ''), ('day', to_char(c.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', c.locale), ('source', c.source),
                         ('office', c.office_id::text), ('outcome', c.outcome)) d (dimension, key)
    WHERE c.id = ANY (call_ids) AND d.key IS NOT NULL
    GROUP BY 1, 2, 3
$$;

-- Counts pending calls, whose people are locked. Of several of a person to an office only the last counts: the others, and one
-- that counted before, are 'replaced'. Returns the calls of which the total did not grow.
CREATE OR REPLACE FUNCTION count_calls(call_ids uuid[], at timestamptz) RETURNS uuid[] LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    counting uuid[] := ARRAY(SELECT DISTINCT ON (c.person_id, c.call_action_id, c.office_id) c.id FROM calls c
                             WHERE c.id = ANY (call_ids) AND c.state = 'pending'
                             ORDER BY c.person_id, c.call_action_id, c.office_id, c.attempt DESC, c.id DESC);
    old uuid[];
    repeated uuid[];
BEGIN
    SELECT array_agg(o.id), array_agg(n.id) INTO old, repeated
    FROM calls n JOIN calls o ON o.person_id = n.person_id
    WHERE n.id = ANY (counting) AND o.state = 'counted' AND o.call_action_id = n.call_action_id AND o.office_id = n.office_id;
    PERFORM add_to_call_counts(old, -1);
    UPDATE calls c SET state = 'replaced', ended_at = at, sealed = NULL, confirm_expires_at = NULL
    WHERE c.id = ANY (old) OR (c.id = ANY (call_ids) AND c.state = 'pending' AND c.id <> ALL (counting));
    UPDATE calls c SET state = 'counted', counted_at = at, confirm_expires_at = NULL WHERE c.id = ANY (counting);
    PERFORM add_to_call_counts(counting, 1);
    RETURN ARRAY(SELECT i FROM unnest(call_ids) i WHERE i <> ALL (counting) OR i = ANY (repeated));
END $$;

-- Writes a batch of calls: people, calls, counts, mail and idempotency rows in one commit.
-- Outcomes: 'created', 'replayed', 'mismatch', as for submit_signatures.
CREATE OR REPLACE FUNCTION submit_calls(acts call_submission[]) RETURNS TABLE (submission_id uuid, row_id uuid, person_id uuid, outcome text)
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    spent spent_key[];
    persons uuid[];
    counting uuid[];
    repeated uuid[] := '{}';
    of_time timestamptz;
BEGIN
    SELECT array_agg(s) INTO spent FROM claim_idempotency_keys(ARRAY(
        SELECT (h.id, h.idempotency_key, h.idempotency_request, h.created_at)::keyed_act
        FROM unnest(acts) a, LATERAL (SELECT (a.header).*) h WHERE h.idempotency_key IS NOT NULL)) AS s;
    IF spent IS NOT NULL THEN
        RETURN QUERY SELECT s.act_id, s.resource_id, NULL::uuid, s.outcome FROM unnest(spent) AS s;
        acts := ARRAY(SELECT a FROM unnest(acts) a WHERE (a.header).id NOT IN (SELECT s.act_id FROM unnest(spent) AS s));
    END IF;

    WITH a AS (
        SELECT (u.header).*, u.office_id, u.outcome, u.ordinality FROM unnest(acts) WITH ORDINALITY u
    ), p AS (
        SELECT * FROM upsert_people(ARRAY(
            SELECT (a.person_id, a.vault_id, a.email_index, a.person_sealed, a.locale, a.created_at)::person_act FROM a))
    ), c AS (
        INSERT INTO calls (id, call_action_id, person_id, office_id, state, outcome, sealed, locale, source, confirm_expires_at, created_at, attempt)
        SELECT a.id, a.action_id, p.id, a.office_id, 'pending', a.outcome, a.sealed, a.locale, a.source, a.confirm_expires_at, a.created_at,
               coalesce((SELECT max(x.attempt) FILTER (WHERE x.call_action_id = a.action_id) FROM calls x WHERE x.person_id = p.id), 0)
               + row_number() OVER (PARTITION BY a.action_id, p.id ORDER BY a.ordinality)
        FROM a JOIN p USING (vault_id, email_index) ORDER BY a.ordinality
    )
    SELECT array_agg(p.id) INTO persons FROM p;

    -- Pending acts are not unique: anybody may type any address. The oldest 199 of a person are kept, to which links were
    -- mailed, and the newest.
    WITH theirs AS MATERIALIZED (
        SELECT x.id, x.call_action_id, x.person_id, x.attempt, x.state FROM calls x WHERE x.person_id = ANY (persons)
    )
    DELETE FROM calls s USING (
        SELECT x.id, row_number() OVER (PARTITION BY x.call_action_id, x.person_id ORDER BY x.attempt, x.id) AS place,
               count(*) OVER (PARTITION BY x.call_action_id, x.person_id) AS most
        FROM theirs x WHERE x.state = 'pending'
    ) old WHERE old.id = s.id AND old.place BETWEEN 200 AND old.most - 1 AND s.id NOT IN (SELECT (a.header).id FROM unnest(acts) a);

    -- the times of protected actions are whole days
    FOR of_time, counting IN
        SELECT (a.header).created_at, array_agg((a.header).id) FROM unnest(acts) a WHERE (a.header).mode <> 'pending' GROUP BY 1 ORDER BY 1
    LOOP
        repeated := repeated || count_calls(counting, of_time);
    END LOOP;
    -- Without confirmation the published number counts a person again until the night: see submit_signatures.
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT (a.header).action_id, d.dimension, '', sum(d.delta)
    FROM unnest(acts) a, LATERAL (VALUES ('repeated', 1), ('total', 0)) d (dimension, delta)
    WHERE (a.header).mode = 'immediate' AND (a.header).id = ANY (repeated)
    GROUP BY 1, 2;

    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT h.email_id, h.organization_id, CASE h.mode WHEN 'pending' THEN 'confirmation' ELSE 'notice' END,
           CASE h.mode WHEN 'pending' THEN 'call_confirm' ELSE 'call_thanks' END, jsonb_build_object('call', h.id), h.protected,
           'queued', h.created_at, h.created_at
    FROM unnest(acts) a, LATERAL (SELECT (a.header).*) h
    WHERE h.email_id IS NOT NULL
      AND (h.mode = 'pending' OR NOT EXISTS ( -- the same office called again: one mail a day
          SELECT FROM calls n JOIN calls o ON o.person_id = n.person_id
          WHERE n.id = h.id AND (n.state <> 'counted' OR (
              o.call_action_id = h.action_id AND o.office_id = n.office_id AND o.attempt < n.attempt AND o.state <> 'pending'
              AND o.created_at >= date_trunc('day', h.created_at, 'UTC') AND o.id NOT IN (SELECT (x.header).id FROM unnest(acts) x)))));

    RETURN QUERY
        SELECT c.id, c.id, CASE WHEN (a.header).mode = 'vouched' THEN c.person_id END, 'created'::text
        FROM unnest(acts) a JOIN calls c ON c.id = (a.header).id;
END $$;
