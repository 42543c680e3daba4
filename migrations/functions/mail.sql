-- Creates the partition of the month that contains a day, unless it exists. Mails of that month that were settled
-- before, into the default partition, are moved into it.
CREATE OR REPLACE FUNCTION create_mail_partition(a_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := date_trunc('month', a_day::timestamp) AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', a_day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    part text := 'emails_settled_' || to_char(a_day, 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    -- advisory lock, so that two processes do not create the same partition at once
    PERFORM pg_advisory_xact_lock(hashtext(part));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM emails_settled_other WHERE settled_at >= starts AND settled_at < ends) THEN
        LOCK TABLE emails_settled_other IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE %I (LIKE emails_settled INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
                        WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', part);
        EXECUTE format('WITH gone AS (DELETE FROM emails_settled_other WHERE settled_at >= %L AND settled_at < %L RETURNING *) '
                       'INSERT INTO %I SELECT * FROM gone', starts, ends, part);
        EXECUTE format('ALTER TABLE emails_settled ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, starts, ends);
    ELSE
        EXECUTE format('CREATE TABLE %I PARTITION OF emails_settled FOR VALUES FROM (%L) TO (%L)
                        WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)', part, starts, ends);
    END IF;
END $$;

-- Drops the partitions of months that ended on or before a day; returns the number of mails in them, as estimated by
-- the planner's statistics.
CREATE OR REPLACE FUNCTION drop_mail_partitions(before date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    part text;
    mails bigint := 0;
BEGIN
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'emails_settled'::regclass AND c.relname ~ '^emails_settled_[0-9]{4}_[0-9]{2}$'
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= before
    LOOP
        mails := mails + (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = part::regclass);
        EXECUTE format('DROP TABLE %I', part);
    END LOOP;
    RETURN mails;
END $$;

-- Appends the changes of one statement: mails settled, changed in state, or deleted. A dropped partition does not
-- fire it.
CREATE OR REPLACE FUNCTION count_settled_mail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO mail_count_deltas (organization_id, class, state, lane, settled_at, delta)
        SELECT o.organization_id, o.class, o.state, o.lane, o.settled_at, -count(*) FROM old_mails o GROUP BY 1, 2, 3, 4, 5;
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN
        INSERT INTO mail_count_deltas (organization_id, class, state, lane, settled_at, delta)
        SELECT n.organization_id, n.class, n.state, n.lane, n.settled_at, count(*) FROM new_mails n GROUP BY 1, 2, 3, 4, 5;
    END IF;
    RETURN NULL;
END $$;

-- Notifies every process, so that messages that are composed already are not sent either (src/mail/paused.rs).
CREATE OR REPLACE FUNCTION notify_mail_paused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM invalidate_cache('mail');
    RETURN NULL;
END $$;

-- Writes the ids of protected mail that was sent anew, in random order, so that neither their order nor their transaction ids tell
-- when each was sent.
CREATE OR REPLACE FUNCTION rewrite_bounce_lookups() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE mail_bounce_lookups IN EXCLUSIVE MODE;
    WITH old AS (DELETE FROM mail_bounce_lookups RETURNING *)
    INSERT INTO mail_bounce_lookups SELECT * FROM old ORDER BY random();
END $$;

-- A new database has the partitions of this month and the next; the worker makes the later ones.
SELECT create_mail_partition(current_date), create_mail_partition((current_date + interval '1 month')::date);
