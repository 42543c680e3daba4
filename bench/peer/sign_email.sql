WITH p AS (
    INSERT INTO people AS p (id, vault_id, email_index, origin, created_at, modified_at)
    VALUES (gen_random_uuid(), :vault::uuid, sha256(uuid_send(gen_random_uuid())), 'act', now(), now())
    ON CONFLICT (vault_id, email_index) DO UPDATE SET modified_at = p.modified_at
    RETURNING p.id
), s AS (
    INSERT INTO signatures (id, petition_id, person_id, state, sealed, display, comment_state, locale, country, region, postal_prefix, confirm_expires_at, created_at)
    SELECT gen_random_uuid(), :petition::uuid, p.id, 'pending', decode(repeat('a7', 425), 'hex'), 'initials', 'waiting', 'en', 'CA', 'ON', 'M5V', now() + interval '21 days', now()
    FROM p
    RETURNING id
), g AS (
    INSERT INTO signature_signals (signature_id, petition_id, network_tag, domain_tag, created_at)
    SELECT s.id, :petition::uuid, decode(repeat('a7', 16), 'hex'), decode(repeat('a7', 16), 'hex'), now() FROM s
)
INSERT INTO emails_waiting (id, organization_id, class, kind, refs, state, due_at, created_at)
SELECT gen_random_uuid(), :organization::uuid, 'confirmation', 'petition_confirm', jsonb_build_object('signature', s.id), 'queued', now(), now()
FROM s;
