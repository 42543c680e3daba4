-- Finds or inserts the people of a batch of acts. All batches lock people in the same order, against deadlocks. A
-- public act has no `sealed` and changes nothing about a person; a vouched one sets the details of a person whom it
-- inserts. The details of an existing person are completed afterwards, under the person's row lock, so that a
-- concurrent confirmation is not undone.
CREATE OR REPLACE FUNCTION upsert_people(acts person_act[]) RETURNS TABLE (id uuid, vault_id uuid, email_index bytea, created boolean)
LANGUAGE sql AS $$
    INSERT INTO people AS p (id, vault_id, email_index, sealed, locale, origin, created_at, modified_at, confirmed_at)
    SELECT DISTINCT ON (a.vault_id, a.email_index)
           a.person_id, a.vault_id, a.email_index, a.sealed,
           CASE WHEN a.sealed IS NOT NULL THEN a.locale END,
           CASE WHEN a.sealed IS NULL THEN 'act' ELSE 'organizer' END,
           a.created_at, a.created_at,
           CASE WHEN a.sealed IS NOT NULL THEN a.created_at END
    FROM unnest(acts) a
    ORDER BY a.vault_id, a.email_index, a.sealed IS NULL
    -- not DO NOTHING, which would return no row for a person inserted by a concurrent batch
    ON CONFLICT (vault_id, email_index) DO UPDATE
        SET sealed = CASE WHEN excluded.id = p.id THEN coalesce(excluded.sealed, p.sealed) ELSE p.sealed END,
            confirmed_at = CASE WHEN excluded.id = p.id THEN coalesce(p.confirmed_at, excluded.confirmed_at) ELSE p.confirmed_at END,
            modified_at = CASE WHEN excluded.id = p.id AND excluded.sealed IS NOT NULL THEN excluded.modified_at ELSE p.modified_at END
    RETURNING p.id, p.vault_id, p.email_index, (xmax = 0)
$$;

-- Removes people who never confirmed anything and whose last act is gone: nothing of them stays. Acts are the rows of tables
-- with a foreign key to people that does not cascade. Each person is locked first: an act that somebody writes for one at this
-- moment has locked her before, and she stays; one that is written later waits, and makes her anew. The statements after the
-- first see what was committed before the locks were taken.
CREATE OR REPLACE FUNCTION delete_unconfirmed_people(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    bare uuid[];
    acts regclass;
BEGIN
    bare := ARRAY(SELECT p.id FROM people p WHERE p.id = ANY (ids) AND p.sealed IS NULL
                  ORDER BY p.vault_id, p.email_index FOR UPDATE SKIP LOCKED);
    FOR acts IN SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = 'people'::regclass AND confdeltype = 'a' LOOP
        EXECUTE format('SELECT ARRAY(SELECT b.id FROM unnest($1) b (id)
                                     WHERE NOT EXISTS (SELECT FROM %s a WHERE a.person_id = b.id))', acts) INTO bare USING bare;
    END LOOP;
    DELETE FROM people p WHERE p.id = ANY (bare) AND p.sealed IS NULL;
END $$;

-- Deletes a batch of the submissions in a table of acts that nobody confirmed in time, and the
-- people of whom nothing is left; returns how many. People are locked before their submissions (the lock order is in
-- src/people/mod.rs); those that another transaction has locked are left for the next call.
CREATE OR REPLACE FUNCTION delete_unconfirmed(submissions regclass, clock timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    of_whom uuid[];
BEGIN
    EXECUTE format('WITH due AS MATERIALIZED (
                        SELECT id, person_id FROM %1$s WHERE state = ''pending'' AND confirm_expires_at < $1 LIMIT 2000
                    ), locked AS MATERIALIZED (
                        SELECT p.id FROM people p WHERE p.id = ANY (ARRAY(SELECT d.person_id FROM due d))
                        ORDER BY p.vault_id, p.email_index FOR UPDATE SKIP LOCKED
                    ), gone AS (
                        DELETE FROM %1$s x USING due d JOIN locked p ON p.id = d.person_id
                        WHERE x.id = d.id AND x.state = ''pending'' RETURNING x.person_id
                    )
                    SELECT array_agg(person_id) FROM gone', submissions) INTO of_whom USING clock;
    PERFORM delete_unconfirmed_people(of_whom);
    RETURN coalesce(cardinality(of_whom), 0);
END $$;

-- The next submissions to an action that has ended. Their people are locked before (the lock order is in
-- src/people/mod.rs). `action_column` is the table's column with the action.
CREATE OR REPLACE FUNCTION lock_ended_submissions(submissions regclass, action_column name, action uuid, most integer) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[];
    of_whom uuid[];
BEGIN
    EXECUTE format('SELECT array_agg(x.id), array_agg(x.person_id)
                    FROM (SELECT id, person_id FROM %s WHERE %I = $1 ORDER BY id LIMIT $2) x', submissions, action_column)
        INTO ids, of_whom USING action, most;
    PERFORM FROM people p WHERE p.id = ANY (of_whom) ORDER BY p.vault_id, p.email_index FOR UPDATE;
    RETURN coalesce(ids, '{}');
END $$;

-- Deletes these submissions, and of their people those of whom no act is left, with their consents; not whom an organizer
-- labelled, since those belong to a list of the organization.
CREATE OR REPLACE FUNCTION delete_ended_submissions(submissions regclass, ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    of_whom uuid[];
    acts regclass;
BEGIN
    EXECUTE format('WITH gone AS (DELETE FROM %s WHERE id = ANY ($1) RETURNING person_id)
                    SELECT array_agg(DISTINCT person_id) FROM gone', submissions) INTO of_whom USING ids;
    of_whom := ARRAY(SELECT p.id FROM people p WHERE p.id = ANY (of_whom)
                     AND NOT EXISTS (SELECT FROM person_labels l WHERE l.person_id = p.id)
                     ORDER BY p.vault_id, p.email_index FOR UPDATE);
    FOR acts IN SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = 'people'::regclass AND confdeltype = 'a' LOOP
        EXECUTE format('SELECT ARRAY(SELECT b.id FROM unnest($1) b (id)
                                     WHERE NOT EXISTS (SELECT FROM %s a WHERE a.person_id = b.id))', acts) INTO of_whom USING of_whom;
    END LOOP;
    DELETE FROM people p WHERE p.id = ANY (of_whom);
END $$;

-- The tables whose rows lead to people.
CREATE OR REPLACE FUNCTION tables_about_people() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT 'people' UNION SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = 'people'::regclass
$$;

-- The tables whose rows belong to people: `people`, those with a foreign key to it, and those with one to these. `depth` is
-- higher than that of every table that it refers to; `belongs` is the condition for the rows of the people in $1.
CREATE OR REPLACE FUNCTION rows_of_people() RETURNS TABLE (tab regclass, depth integer, belongs text) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE reached (tab, depth, belongs) AS (
        SELECT 'people'::regclass, 0, 'id = ANY ($1)'
        UNION ALL
        SELECT c.conrelid::regclass, r.depth + 1, format('%I IN (SELECT id FROM %s WHERE %s)', a.attname, r.tab, r.belongs) COLLATE "default"
        FROM reached r
        JOIN pg_constraint c ON c.contype = 'f' AND c.confrelid = r.tab AND c.conrelid <> c.confrelid
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    )
    SELECT DISTINCT ON (r.tab) r.tab, max(r.depth) OVER (PARTITION BY r.tab), r.belongs FROM reached r ORDER BY r.tab, r.depth
$$;

-- Lists the people of protected actions of whom a row was written since the last listing, by somebody other than
-- rewrite_people; returns how many.
CREATE OR REPLACE FUNCTION list_people_to_rewrite(today date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    since xid8 := (SELECT max(w.xid) FROM people_rewrites w WHERE w.listed_on IS NOT NULL);
    own xid[] := ARRAY(SELECT w.xid::xid FROM people_rewrites w WHERE w.listed_on IS NULL);
    is_written text := '';
    t record;
    listed integer;
BEGIN
    FOR t IN SELECT r.tab, replace(r.belongs, '$1', 'ARRAY[p.id]') AS belongs FROM rows_of_people() r LOOP
        is_written := is_written || format(' OR EXISTS (SELECT FROM %s x WHERE x.%s AND age(x.xmin) <= age($1::xid) AND x.xmin <> ALL ($2))',
                                           t.tab, t.belongs);
    END LOOP;
    EXECUTE 'INSERT INTO people_to_rewrite (person_id)
             SELECT p.id FROM vaults v JOIN people p ON p.vault_id = v.id
             WHERE v.kind = ''protected'' AND v.destroyed_at IS NULL AND ($1 IS NULL' || is_written || ')
             ON CONFLICT DO NOTHING' USING since, own;
    GET DIAGNOSTICS listed = ROW_COUNT;
    DELETE FROM people_rewrites;
    INSERT INTO people_rewrites (xid, listed_on) VALUES (pg_current_xact_id(), today);
    RETURN listed;
END $$;

-- Writes all rows of the next listed people anew, in random order and under one transaction id; returns how many people. The
-- tables are locked against writing meanwhile: a statement that waits for a row that is written anew would not find it.
CREATE OR REPLACE FUNCTION rewrite_people(most integer) RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    persons uuid[];
    t record;
    columns text;
BEGIN
    FOR t IN SELECT r.tab FROM rows_of_people() r ORDER BY r.depth, r.tab LOOP
        EXECUTE format('LOCK TABLE %s IN EXCLUSIVE MODE', t.tab);
    END LOOP;
    WITH next AS (
        DELETE FROM people_to_rewrite
        WHERE person_id = ANY (ARRAY(SELECT w.person_id FROM people_to_rewrite w ORDER BY random() LIMIT most)) RETURNING person_id
    ) SELECT array_agg(person_id) INTO persons FROM next;
    IF persons IS NULL THEN
        RETURN 0;
    END IF;
    FOR t IN SELECT r.tab, r.tab::oid AS id, replace(r.belongs, '$1', quote_literal(persons) || '::uuid[]') AS belongs FROM rows_of_people() r LOOP
        EXECUTE format('CREATE TEMPORARY TABLE kept_%s ON COMMIT DROP AS SELECT * FROM %s WHERE %s', t.id, t.tab, t.belongs);
    END LOOP;
    -- what refers to others goes first, and comes back last
    FOR t IN SELECT r.tab, replace(r.belongs, '$1', quote_literal(persons) || '::uuid[]') AS belongs FROM rows_of_people() r
             ORDER BY r.depth DESC, r.tab LOOP
        EXECUTE format('DELETE FROM %s WHERE %s', t.tab, t.belongs);
    END LOOP;
    FOR t IN SELECT r.tab, r.tab::oid AS id FROM rows_of_people() r ORDER BY r.depth, r.tab LOOP
        SELECT string_agg(quote_ident(a.attname), ', ') INTO columns FROM pg_attribute a
        WHERE a.attrelid = t.tab AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
        EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM kept_%s ORDER BY random()', t.tab, columns, columns, t.id);
    END LOOP;
    INSERT INTO people_rewrites (xid) VALUES (pg_current_xact_id());
    RETURN cardinality(persons);
END $$;

-- Drops what a submission was found by, once it or what was typed into it is gone.
CREATE OR REPLACE FUNCTION delete_submission_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM submission_labels WHERE submission_id = OLD.id;
    RETURN NULL;
END $$;
