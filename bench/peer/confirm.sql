WITH n AS (
    SELECT id, person_id FROM todo WHERE n = (SELECT nextval('todo_n'))
), p AS (
    UPDATE people p SET sealed = decode(repeat('a7', 297), 'hex'), locale = 'en', modified_at = now(), confirmed_at = coalesce(p.confirmed_at, now())
    FROM n WHERE p.id = n.person_id
), s AS (
    UPDATE signatures s SET state = 'counted', counted_at = now(), confirm_expires_at = NULL
    FROM n WHERE s.id = n.id AND s.state = 'pending'
    RETURNING s.id
), d AS (
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT :petition::uuid, v.dimension, v.key, 1
    FROM s, (VALUES ('total', ''), ('day', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', 'CA'), ('region', 'CA-ON'), ('locale', 'en')) v (dimension, key)
)
INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
SELECT gen_random_uuid(), :organization::uuid, 'notice', 'petition_thanks', jsonb_build_object('signature', s.id), 'queued', now(), now()
FROM s;
