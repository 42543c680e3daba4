WITH p AS (
    INSERT INTO people AS p (id, vault_id, email_index, origin, created_at, modified_at)
    VALUES (gen_random_uuid(), :vault::uuid, sha256(uuid_send(gen_random_uuid())), 'act', now(), now())
    ON CONFLICT (vault_id, email_index) DO UPDATE SET modified_at = p.modified_at
    RETURNING p.id
), s AS (
    INSERT INTO signatures (id, petition_id, person_id, state, sealed, display, comment_state, locale, country, region, postal_prefix, created_at, counted_at)
    SELECT gen_random_uuid(), :petition::uuid, p.id, 'counted', decode(repeat('a7', 425), 'hex'), 'initials', 'waiting', 'en', 'CA', 'ON', 'M5V', now(), now()
    FROM p
    ON CONFLICT (petition_id, person_id, name_index) WHERE state = 'counted' DO NOTHING
    RETURNING id
), d AS (
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT :petition::uuid, v.dimension, v.key, 1
    FROM s, (VALUES ('total', ''), ('day', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', 'CA'), ('region', 'CA-ON'), ('locale', 'en')) v (dimension, key)
), g AS (
    INSERT INTO signature_signals (signature_id, petition_id, network_tag, domain_tag, created_at)
    SELECT s.id, :petition::uuid, decode(repeat('a7', 16), 'hex'), decode(repeat('a7', 16), 'hex'), now() FROM s
)
INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
SELECT gen_random_uuid(), :organization::uuid, 'notice', 'petition_thanks', jsonb_build_object('signature', s.id), 'queued', now(), now()
FROM s;
