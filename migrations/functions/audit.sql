-- The functions and triggers of the audit trail. Where the roles are separated (docs/adr/0022-database-roles.md) they are created by an
-- administrator and belong, with the tables, to a role of their own: what the service's role must not do by itself is in functions
-- with SECURITY DEFINER. Their bodies name schemas and have a fixed search_path, since the service's role may create objects in `public`.
-- Changes of the tables stand here, too, in a form that can be repeated (ADD COLUMN IF NOT EXISTS): numbered migrations run as the
-- service's role, which may not change them.

-- For consents and the audit trail, which are evidence. Consents may be deleted with their subject, but never updated.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE OR REPLACE FUNCTION queue_audit_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.audit_unsealed (entry_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION audit_entry_hash(before bytea, entry audit_entries) RETURNS bytea LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(entry.id, entry.organization_id, entry.organizer_id, entry.api_token_id,
                                                         entry.verb, entry.object_id, entry.detail,
                                                         extract(epoch FROM entry.created_at))::text, 'UTF8'))
$$;

-- Chains entries in the order of their time. Returns how many.
CREATE OR REPLACE FUNCTION seal_audit_entries(most integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_number bigint;
    last_hash   bytea;
    entry       public.audit_entries;
    sealed      integer := 0;
BEGIN
    LOCK TABLE public.audit_seals IN SHARE ROW EXCLUSIVE MODE; -- one chain, one writer
    SELECT number, hash INTO last_number, last_hash FROM public.audit_seals ORDER BY number DESC LIMIT 1;
    last_number := coalesce(last_number, 0);
    last_hash := coalesce(last_hash, '');
    FOR entry IN
        SELECT e.* FROM public.audit_unsealed u JOIN public.audit_entries e ON e.id = u.entry_id ORDER BY e.created_at, e.id LIMIT most
    LOOP
        last_number := last_number + 1;
        last_hash := public.audit_entry_hash(last_hash, entry);
        INSERT INTO public.audit_seals (number, entry_id, hash) VALUES (last_number, entry.id, last_hash);
        DELETE FROM public.audit_unsealed WHERE entry_id = entry.id;
        sealed := sealed + 1;
    END LOOP;
    RETURN sealed;
END $$;

CREATE OR REPLACE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER audit_entries_not_truncated BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER audit_entries_queued AFTER INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION queue_audit_entry();
CREATE OR REPLACE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER audit_seals_not_truncated BEFORE TRUNCATE ON audit_seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
