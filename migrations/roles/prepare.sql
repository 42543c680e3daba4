-- Run by an administrator before the migrations (docs/adr/0022-database-roles.md): what the service's role, named by the setting
-- `muster.service_role`, needs, and what it must not own. `search_path` is pg_catalog: in `public` the service's role may create
-- functions. For the same reason nothing is read from a table that it owns: a trigger or a view would run as the administrator.
DO $$
DECLARE
    service CONSTANT name := current_setting('muster.service_role');
    -- whose tables they are until now
    owner   CONSTANT oid := (SELECT relowner FROM pg_class WHERE oid = to_regclass('public._sqlx_migrations'));
    change  text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_audit') THEN
        BEGIN
            CREATE ROLE muster_audit NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made for another database of the server at this moment
        END;
    END IF;
    -- who owns the database or the schema may drop what is in it
    IF EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND pg_has_role(service, datdba, 'MEMBER')) THEN
        EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), session_user);
    END IF;
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND pg_has_role(service, nspowner, 'MEMBER')) THEN
        ALTER SCHEMA public OWNER TO pg_database_owner;
    END IF;
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I', current_database(), service);
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', service);
    GRANT USAGE ON SCHEMA public TO muster_audit;
    -- everything becomes the service's; take_over.sql takes the audit trail from it
    FOR change IN
        SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, service) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = owner AND c.relkind IN ('r', 'p', 'v', 'm')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO %I', t.oid::regtype, service) FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace = 'public'::regnamespace AND t.typowner = owner AND (t.typtype IN ('d', 'e') OR c.relkind = 'c')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, service) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner = owner
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXIT WHEN owner = (SELECT oid FROM pg_roles WHERE rolname = service);
        EXECUTE change;
    END LOOP;
END $$;
