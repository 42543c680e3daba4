-- Says that something cached has changed: a payload of src/kernel/cache_invalidation.rs. Every process is notified when the transaction
-- commits. The transaction's setting muster.invalidated collects the payloads for the process that commits (src/kernel/transaction.rs),
-- which need not listen. A long list becomes '*', everything.
CREATE OR REPLACE FUNCTION invalidate_cache(changed text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    noted text[] := string_to_array(coalesce(current_setting('muster.invalidated', true), ''), ' ');
BEGIN
    PERFORM pg_notify('muster_cache_invalidation', changed);
    IF changed <> ALL (noted) AND '*' <> ALL (noted) THEN
        PERFORM set_config('muster.invalidated', CASE WHEN cardinality(noted) >= 50 THEN '*' ELSE array_to_string(noted || changed, ' ') END, true);
    END IF;
END $$;

-- Invalidates the cached values that show a row: by the id in the column that the trigger names, or '*' where many pages may show
-- it. Every table that something cached is read from has such a trigger, but those of the hot path: a commit that notifies takes a
-- lock that all of them share.
CREATE OR REPLACE FUNCTION notify_cache_invalidation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_NARGS = 0 THEN
        PERFORM invalidate_cache('*');
        RETURN NULL;
    END IF;
    -- ids do not change, but a row may move to another owner
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND TG_ARGV[0] <> 'id' THEN
        PERFORM invalidate_cache(to_jsonb(OLD) ->> TG_ARGV[0]);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM invalidate_cache(to_jsonb(NEW) ->> TG_ARGV[0]);
    END IF;
    RETURN NULL;
END $$;

-- Not by the function above: a picture's row is large.
CREATE OR REPLACE FUNCTION notify_image_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM invalidate_cache('image:' || OLD.id);
    RETURN NULL;
END $$;
