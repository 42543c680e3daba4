-- Run by an administrator after the migrations and after functions/audit.sql, as prepare.sql is: the audit trail becomes that of a role that
-- nobody can be. The service's role reads and adds; the rest is done by functions that run as their owner.
DO $$
DECLARE
    service CONSTANT name := current_setting('muster.service_role');
    change  text;
BEGIN
    -- an administrator who is no superuser may give something only to who could have created it
    GRANT CREATE ON SCHEMA public TO muster_audit;
    FOR change IN
        SELECT format('ALTER TABLE %s OWNER TO muster_audit', c.oid::regclass) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('audit_entries', 'audit_seals', 'audit_unsealed')
          AND c.relowner <> 'muster_audit'::regrole
        UNION ALL
        SELECT format('ALTER FUNCTION %s OWNER TO muster_audit', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> 'muster_audit'::regrole
          AND p.proname IN ('refuse_change', 'queue_audit_entry', 'audit_entry_hash', 'seal_audit_entries')
    LOOP
        EXECUTE change;
    END LOOP;
    -- a trigger of somebody else would run as the trail's owner when the chain is written
    FOR change IN
        SELECT format('DROP TRIGGER %I ON %s', t.tgname, c.oid::regclass)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = 'muster_audit'::regrole
          AND NOT t.tgisinternal AND p.proowner <> 'muster_audit'::regrole
    LOOP
        EXECUTE change;
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM muster_audit;
    EXECUTE format('REVOKE ALL ON public.audit_entries, public.audit_seals, public.audit_unsealed FROM PUBLIC, %I', service);
    EXECUTE format('GRANT SELECT ON public.audit_entries, public.audit_seals, public.audit_unsealed TO %I', service);
    EXECUTE format('GRANT INSERT ON public.audit_entries TO %I', service);
    -- by which a release finds out at its start whether these functions are its own
    EXECUTE format('COMMENT ON FUNCTION public.seal_audit_entries(integer) IS %L', current_setting('muster.audit_functions'));
END $$;
