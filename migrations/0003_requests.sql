-- Short-lived memory of requests.

CREATE TABLE idempotency_keys (
    key         bytea PRIMARY KEY, -- HMAC of token and Idempotency-Key
    request     bytea NOT NULL, -- HMAC of method, path and body: the same key with another request is refused
    resource_id uuid NOT NULL,
    status      smallint NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_status_check CHECK (status BETWEEN 200 AND 299)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

CREATE TYPE spent_key AS (act_id uuid, resource_id uuid, outcome text);
CREATE TYPE keyed_act AS (id uuid, key bytea, request bytea, created_at timestamptz);

-- Claims the Idempotency-Keys of a batch; returns the acts whose key was spent before, with the resource made then.
-- Outcomes: 'replayed' (the same request) or 'mismatch' (another one).
CREATE FUNCTION claim_idempotency_keys(acts keyed_act[]) RETURNS SETOF spent_key
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
    RETURN QUERY -- a statement of its own, so that it sees what a concurrent batch committed while we waited for it
        SELECT a.id, k.resource_id, CASE WHEN k.request = a.request THEN 'replayed' ELSE 'mismatch' END
        FROM unnest(acts) a JOIN idempotency_keys k ON k.key = a.key
        WHERE a.id <> ALL (coalesce(won, '{}'));
END $$;

-- Proofs of work that were spent.
CREATE UNLOGGED TABLE used_challenges (
    challenge  text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_challenges_expires_at_idx ON used_challenges (expires_at);
