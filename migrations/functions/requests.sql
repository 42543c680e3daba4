-- Claims the Idempotency-Keys of a batch; returns the acts whose key was used before, with the resource created then.
-- Outcomes: 'replayed' (the same request) or 'mismatch' (another one).
CREATE OR REPLACE FUNCTION claim_idempotency_keys(acts keyed_act[]) RETURNS SETOF spent_key
LANGUAGE plpgsql AS $$
DECLARE
    won uuid[];
BEGIN
    WITH claimed AS (
        INSERT INTO idempotency_keys AS k (key, request, resource_id, status, created_at)
        SELECT a.key, a.request, a.id, 201, a.created_at FROM unnest(acts) a ORDER BY a.key
        ON CONFLICT (key) DO NOTHING
        RETURNING k.resource_id AS id
    )
    SELECT array_agg(claimed.id) INTO won FROM claimed;
    RETURN QUERY -- a separate statement, so that its snapshot includes what a concurrent batch committed while the INSERT waited for it
        SELECT a.id, k.resource_id, CASE WHEN k.request = a.request THEN 'replayed' ELSE 'mismatch' END
        FROM unnest(acts) a JOIN idempotency_keys k ON k.key = a.key
        WHERE a.id <> ALL (coalesce(won, '{}'));
END $$;
