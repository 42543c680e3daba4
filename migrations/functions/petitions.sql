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
CREATE OR REPLACE FUNCTION submit_signatures(acts signature_submission[], attached_letters letter_submission[], targets letter_submission_target[])
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
