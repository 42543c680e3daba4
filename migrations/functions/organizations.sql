-- A UUID of version 7 (RFC 9562) for rows inserted by SQL: time-ordered, so that new index entries are next to each
-- other. For rows of protected actions the caller passes the day instead of the time.
CREATE OR REPLACE FUNCTION uuid_v7(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(set_byte(r.bytes, 6, 112 + get_byte(r.bytes, 6) % 16), 'hex')::uuid
    FROM (SELECT overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6)) AS r (bytes)
$$;

-- For consents and the audit log, which are evidence. Consents may be deleted with their subject, but never updated.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE OR REPLACE FUNCTION queue_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (entry_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION audit_entry_hash(before bytea, entry audit_entries) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(entry.id, entry.organization_id, entry.organizer_id, entry.api_token_id,
                                                         entry.verb, entry.object_id, entry.detail,
                                                         extract(epoch FROM entry.created_at))::text, 'UTF8'))
$$;

-- Chains entries in the order of their time. Returns how many.
CREATE OR REPLACE FUNCTION seal_audit_entries(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    last_number bigint;
    last_hash   bytea;
    entry       audit_entries;
    sealed      integer := 0;
BEGIN
    LOCK TABLE audit_seals IN SHARE ROW EXCLUSIVE MODE; -- one chain, one writer
    SELECT number, hash INTO last_number, last_hash FROM audit_seals ORDER BY number DESC LIMIT 1;
    last_number := coalesce(last_number, 0);
    last_hash := coalesce(last_hash, '');
    FOR entry IN
        SELECT e.* FROM audit_unsealed u JOIN audit_entries e ON e.id = u.entry_id ORDER BY e.created_at, e.id LIMIT most
    LOOP
        last_number := last_number + 1;
        last_hash := audit_entry_hash(last_hash, entry);
        INSERT INTO audit_seals (number, entry_id, hash) VALUES (last_number, entry.id, last_hash);
        DELETE FROM audit_unsealed WHERE entry_id = entry.id;
        sealed := sealed + 1;
    END LOOP;
    RETURN sealed;
END $$;
