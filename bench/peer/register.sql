WITH p AS (
    INSERT INTO people AS p (id, vault_id, email_index, origin, created_at, modified_at)
    VALUES (gen_random_uuid(), :vault::uuid, sha256(uuid_send(gen_random_uuid())), 'act', now(), now())
    ON CONFLICT (vault_id, email_index) DO UPDATE SET modified_at = p.modified_at
    RETURNING p.id
), seat AS (
    UPDATE events SET seats_taken = seats_taken + 1
    WHERE id = :event::uuid AND seats_taken + 1 <= capacity
    RETURNING id
), a AS (
    INSERT INTO attendances (id, event_id, person_id, state, sealed, locale, created_at, accepted_at)
    SELECT gen_random_uuid(), :event::uuid, p.id, CASE WHEN EXISTS (SELECT FROM seat) THEN 'accepted' ELSE 'waitlisted' END, decode(repeat('a7', 297), 'hex'), 'en', now(), now()
    FROM p
    RETURNING id, state
), d AS (
    INSERT INTO action_count_deltas (action_id, dimension, key, delta) SELECT id, 'total', '', 1 FROM seat
)
INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
SELECT gen_random_uuid(), :organization::uuid, 'confirmation', CASE a.state WHEN 'accepted' THEN 'event_registered' ELSE 'event_waitlisted' END, jsonb_build_object('attendance', a.id), 'queued', now(), now()
FROM a;
