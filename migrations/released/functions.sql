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
-- The audience in a range of address indexes of a vault, after `behind` and up to `up_to` (null: to the end): people
-- who took part in one of the actions, have one of the tags (by keyed index), whose latest consent to news is granted, and whose address is not suppressed
-- in the vault. People who signed on paper have no address.
CREATE OR REPLACE FUNCTION broadcast_audience(vault uuid, actions uuid[], locales text[], regions text[], sources text[], behind bytea, up_to bytea, tags bytea[]) RETURNS SETOF uuid
LANGUAGE sql STABLE AS $$
    SELECT p.id FROM people p
    WHERE p.vault_id = vault AND p.email_index > behind AND (up_to IS NULL OR p.email_index <= up_to)
      AND p.sealed IS NOT NULL AND (cardinality(locales) = 0 OR p.locale = ANY (locales))
      AND coalesce((SELECT c.granted FROM consents c WHERE c.person_id = p.id AND c.purpose = 'updates'
                    ORDER BY c.created_at DESC, c.id DESC LIMIT 1), false)
      AND NOT EXISTS (SELECT FROM suppressions x WHERE x.vault_id = vault AND x.address_index = p.email_index
                        -- one for bouncing expires
                        AND (x.unsubscribed OR x.reason <> 'bounced' OR coalesce(x.expires_at, x.created_at + interval '90 days') > now()))
      AND (cardinality(tags) = 0 OR EXISTS (SELECT FROM person_labels l WHERE l.person_id = p.id AND l.label_index = ANY (tags)))
      AND (cardinality(actions) = 0 AND cardinality(tags) > 0
           OR EXISTS (SELECT FROM signatures s WHERE s.person_id = p.id AND s.petition_id = ANY (actions) AND s.state = 'counted'
                     AND (cardinality(regions) = 0 OR s.country || '-' || s.region = ANY (regions))
                     AND (cardinality(sources) = 0 OR s.source = ANY (sources)))
           OR cardinality(regions) = 0 AND (
               EXISTS (SELECT FROM attendances a WHERE a.person_id = p.id AND a.event_id = ANY (actions) AND a.state IN ('accepted', 'waitlisted')
                         AND (cardinality(sources) = 0 OR a.source = ANY (sources)))
               OR EXISTS (SELECT FROM letters l WHERE l.person_id = p.id AND l.letter_action_id = ANY (actions) AND l.state = 'confirmed'
                            AND (cardinality(sources) = 0 OR l.source = ANY (sources)))))
$$;
-- Adds calls to the counts of their action, or takes them off (`sign` -1).
CREATE OR REPLACE FUNCTION add_to_call_counts(call_ids uuid[], sign integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT c.call_action_id, d.dimension, d.key, sign * count(*)
    FROM calls c,
         LATERAL (VALUES ('total', ''), ('day', to_char(c.counted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', c.locale), ('source', c.source),
                         ('office', c.office_id::text), ('outcome', c.outcome)) d (dimension, key)
    WHERE c.id = ANY (call_ids) AND d.key IS NOT NULL
    GROUP BY 1, 2, 3
$$;

-- Counts pending calls, whose people are locked. Of several of a person to an office only the last counts: the others, and one
-- that counted before, are 'replaced'. Returns the calls of which the total did not grow.
CREATE OR REPLACE FUNCTION count_calls(call_ids uuid[], at timestamptz) RETURNS uuid[] LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    counting uuid[] := ARRAY(SELECT DISTINCT ON (c.person_id, c.call_action_id, c.office_id) c.id FROM calls c
                             WHERE c.id = ANY (call_ids) AND c.state = 'pending'
                             ORDER BY c.person_id, c.call_action_id, c.office_id, c.attempt DESC, c.id DESC);
    old uuid[];
    repeated uuid[];
BEGIN
    SELECT array_agg(o.id), array_agg(n.id) INTO old, repeated
    FROM calls n JOIN calls o ON o.person_id = n.person_id
    WHERE n.id = ANY (counting) AND o.state = 'counted' AND o.call_action_id = n.call_action_id AND o.office_id = n.office_id;
    PERFORM add_to_call_counts(old, -1);
    UPDATE calls c SET state = 'replaced', ended_at = at, sealed = NULL, confirm_expires_at = NULL
    WHERE c.id = ANY (old) OR (c.id = ANY (call_ids) AND c.state = 'pending' AND c.id <> ALL (counting));
    UPDATE calls c SET state = 'counted', counted_at = at, confirm_expires_at = NULL WHERE c.id = ANY (counting);
    PERFORM add_to_call_counts(counting, 1);
    RETURN ARRAY(SELECT i FROM unnest(call_ids) i WHERE i <> ALL (counting) OR i = ANY (repeated));
END $$;

-- Writes a batch of calls: people, calls, counts, mail and idempotency rows in one commit.
-- Outcomes: 'created', 'replayed', 'mismatch', as for submit_signatures.
CREATE OR REPLACE FUNCTION submit_calls(acts call_submission[]) RETURNS TABLE (submission_id uuid, row_id uuid, person_id uuid, outcome text)
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    spent spent_key[];
    persons uuid[];
    counting uuid[];
    repeated uuid[] := '{}';
    of_time timestamptz;
BEGIN
    SELECT array_agg(s) INTO spent FROM claim_idempotency_keys(ARRAY(
        SELECT (h.id, h.idempotency_key, h.idempotency_request, h.created_at)::keyed_act
        FROM unnest(acts) a, LATERAL (SELECT (a.header).*) h WHERE h.idempotency_key IS NOT NULL)) AS s;
    IF spent IS NOT NULL THEN
        RETURN QUERY SELECT s.act_id, s.resource_id, NULL::uuid, s.outcome FROM unnest(spent) AS s;
        acts := ARRAY(SELECT a FROM unnest(acts) a WHERE (a.header).id NOT IN (SELECT s.act_id FROM unnest(spent) AS s));
    END IF;

    WITH a AS (
        SELECT (u.header).*, u.office_id, u.outcome, u.ordinality FROM unnest(acts) WITH ORDINALITY u
    ), p AS (
        SELECT * FROM upsert_people(ARRAY(
            SELECT (a.person_id, a.vault_id, a.email_index, a.person_sealed, a.locale, a.created_at)::person_act FROM a))
    ), c AS (
        INSERT INTO calls (id, call_action_id, person_id, office_id, state, outcome, sealed, locale, source, confirm_expires_at, created_at, attempt)
        SELECT a.id, a.action_id, p.id, a.office_id, 'pending', a.outcome, a.sealed, a.locale, a.source, a.confirm_expires_at, a.created_at,
               coalesce((SELECT max(x.attempt) FILTER (WHERE x.call_action_id = a.action_id) FROM calls x WHERE x.person_id = p.id), 0)
               + row_number() OVER (PARTITION BY a.action_id, p.id ORDER BY a.ordinality)
        FROM a JOIN p USING (vault_id, email_index) ORDER BY a.ordinality
    )
    SELECT array_agg(p.id) INTO persons FROM p;

    -- Pending acts are not unique: anybody may type any address. The oldest 199 of a person are kept, to which links were
    -- mailed, and the newest.
    WITH theirs AS MATERIALIZED (
        SELECT x.id, x.call_action_id, x.person_id, x.attempt, x.state FROM calls x WHERE x.person_id = ANY (persons)
    )
    DELETE FROM calls s USING (
        SELECT x.id, row_number() OVER (PARTITION BY x.call_action_id, x.person_id ORDER BY x.attempt, x.id) AS place,
               count(*) OVER (PARTITION BY x.call_action_id, x.person_id) AS most
        FROM theirs x WHERE x.state = 'pending'
    ) old WHERE old.id = s.id AND old.place BETWEEN 200 AND old.most - 1 AND s.id NOT IN (SELECT (a.header).id FROM unnest(acts) a);

    -- the times of protected actions are whole days
    FOR of_time, counting IN
        SELECT (a.header).created_at, array_agg((a.header).id) FROM unnest(acts) a WHERE (a.header).mode <> 'pending' GROUP BY 1 ORDER BY 1
    LOOP
        repeated := repeated || count_calls(counting, of_time);
    END LOOP;
    -- Without confirmation the published number counts a person again until the night: see submit_signatures.
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT (a.header).action_id, d.dimension, '', sum(d.delta)
    FROM unnest(acts) a, LATERAL (VALUES ('repeated', 1), ('total', 0)) d (dimension, delta)
    WHERE (a.header).mode = 'immediate' AND (a.header).id = ANY (repeated)
    GROUP BY 1, 2;

    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT h.email_id, h.organization_id, CASE h.mode WHEN 'pending' THEN 'confirmation' ELSE 'notice' END,
           CASE h.mode WHEN 'pending' THEN 'call_confirm' ELSE 'call_thanks' END, jsonb_build_object('call', h.id), h.protected,
           'queued', h.created_at, h.created_at
    FROM unnest(acts) a, LATERAL (SELECT (a.header).*) h
    WHERE h.email_id IS NOT NULL
      AND (h.mode = 'pending' OR NOT EXISTS ( -- the same office called again: one mail a day
          SELECT FROM calls n JOIN calls o ON o.person_id = n.person_id
          WHERE n.id = h.id AND (n.state <> 'counted' OR (
              o.call_action_id = h.action_id AND o.office_id = n.office_id AND o.attempt < n.attempt AND o.state <> 'pending'
              AND o.created_at >= date_trunc('day', h.created_at, 'UTC') AND o.id NOT IN (SELECT (x.header).id FROM unnest(acts) x)))));

    RETURN QUERY
        SELECT c.id, c.id, CASE WHEN (a.header).mode = 'vouched' THEN c.person_id END, 'created'::text
        FROM unnest(acts) a JOIN calls c ON c.id = (a.header).id;
END $$;
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
-- Seats of an event that registrations hold until they are confirmed.
CREATE OR REPLACE FUNCTION held_seats(of_event uuid, clock timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(h.seats), 0) FROM seat_holds h WHERE h.event_id = of_event AND h.held_until > clock
$$;

-- Gives the free seats of an event to those who wait, first come first, and queues the mail that tells them; returns how many
-- parties got theirs. Whatever frees seats, shortens the line or changes the rules calls it in the same transaction, so that
-- no seat stays empty while somebody waits whom it fits.
-- The next in line is the first party that the whole room can hold: a larger one (the capacity was lowered after it came)
-- keeps its place in the line, but nobody waits behind it. While the next does not fit, nobody passes it, unless the event
-- lets smaller parties pass. Nothing moves at an event that is over, called off, put away or not published yet.
-- A very long line moves in parts, so that no transaction takes minutes: the tick goes on where this one ended.
-- `clock` is the present time; those of `already_notified` hear of their seat in another mail.
CREATE OR REPLACE FUNCTION promote_waitlist(of_event uuid, clock timestamptz, already_notified uuid[] DEFAULT '{}') RETURNS integer
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    e events;
    a actions;
    most constant integer := 5000; -- parties at once
    free bigint;
    at timestamptz;
    promoted uuid[];
    seats bigint;
    one record;
BEGIN
    SELECT * INTO e FROM events WHERE events.id = of_event FOR NO KEY UPDATE;
    free := coalesce(e.capacity, 2147483647) - e.seats_taken - e.repeated_seats - held_seats(of_event, clock);
    IF free <= 0 OR e.over_at <= clock THEN
        RETURN 0;
    END IF;
    SELECT * INTO a FROM actions WHERE actions.id = of_event;
    IF a.state IN ('draft', 'cancelled', 'archived', 'ended') THEN
        RETURN 0;
    END IF;
    at := CASE WHEN a.privacy = 'protected' THEN date_trunc('day', clock, 'UTC') ELSE clock END;
    -- the front of the line, as far as it fits: no more parties than there are seats
    WITH line AS (
        SELECT w.id, sum(w.party_size) OVER (ORDER BY w.waitlist_position ROWS UNBOUNDED PRECEDING) AS seats
        FROM (SELECT x.id, x.party_size, x.waitlist_position FROM attendances x
              WHERE x.event_id = of_event AND x.state = 'waitlisted' AND x.party_size <= coalesce(e.capacity, 10)
              ORDER BY x.waitlist_position LIMIT least(free, most)) w
    ), front AS (
        UPDATE attendances n SET state = 'accepted', accepted_at = at
        FROM line WHERE line.seats <= free AND n.id = line.id RETURNING n.id, n.party_size, n.waitlist_position
    )
    SELECT coalesce(array_agg(front.id ORDER BY front.waitlist_position), '{}'), coalesce(sum(front.party_size), 0)
    INTO promoted, seats FROM front;
    IF e.allow_smaller_parties_first AND cardinality(promoted) < most THEN
        -- the next does not fit, so fewer than ten seats are left; or nobody waits any more
        WHILE seats < free LOOP
            SELECT w.id, w.party_size INTO one
            FROM generate_series(1, least(free - seats, 10)) AS s (size)
            CROSS JOIN LATERAL (SELECT x.id, x.party_size, x.waitlist_position FROM attendances x
                                WHERE x.event_id = of_event AND x.state = 'waitlisted' AND x.party_size = s.size
                                ORDER BY x.waitlist_position LIMIT 1) AS w
            ORDER BY w.waitlist_position LIMIT 1;
            EXIT WHEN NOT FOUND;
            UPDATE attendances n SET state = 'accepted', accepted_at = at WHERE n.id = one.id;
            promoted := promoted || one.id;
            seats := seats + one.party_size;
        END LOOP;
    END IF;
    IF seats = 0 THEN
        RETURN 0;
    END IF;
    UPDATE events SET seats_taken = seats_taken + seats, waiting_parties = waiting_parties - cardinality(promoted), waiting_seats = waiting_seats - seats
    WHERE events.id = of_event;
    INSERT INTO action_count_deltas (action_id, dimension, key, delta) VALUES (of_event, 'total', '', seats);
    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT uuid_v7(at), a.organization_id, 'confirmation', 'event_promoted', jsonb_build_object('attendance', p.id),
           a.privacy = 'protected', 'queued', at, at
    FROM unnest(promoted) AS p (id) WHERE p.id <> ALL (already_notified);
    RETURN cardinality(promoted);
END $$;

-- What the public may know of an event's seats: 'open' while somebody who registers alone would get one at once. The same
-- rule as allocate_seats has.
CREATE OR REPLACE FUNCTION event_status(e events, clock timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN e.capacity IS NULL THEN 'open'
        WHEN e.seats_taken + e.repeated_seats + held_seats(e.id, clock) < e.capacity AND (e.allow_smaller_parties_first OR NOT EXISTS (
            SELECT FROM attendances w WHERE w.event_id = e.id AND w.state = 'waitlisted' AND w.party_size <= e.capacity)) THEN 'open'
        WHEN e.waitlist THEN 'waitlist'
        ELSE 'closed'
    END
$$;

-- Gives pending attendances of one event their seats, in the order given: 'accepted', 'waitlisted' or 'declined'.
-- Exact under any concurrency: the first statement locks the event, and each later one sees what was committed before.
-- Somebody who already holds a place keeps it: the new row takes the place of the old one (which ends as 'cancelled').
-- A party larger than the whole room is declined. When one act frees seats or shortens the line, those who wait move up
-- before the next one is looked at. `at` is the time to be written down, `clock` the present one.
-- `unconfirmed` are those that nobody confirms. They change no place: of somebody who holds one the new row is declined, and
-- the seats that somebody else would have got stay free until the night (settle_repeated_seats), so that neither the status
-- nor the next one's seat tells that the person was there.
CREATE OR REPLACE FUNCTION allocate_seats(of_event uuid, ids uuid[], at timestamptz, clock timestamptz, unconfirmed uuid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    e events;
    free bigint;
    waiting boolean;
    one record;
    rest uuid[] := ids;
    accepted_ids uuid[]; waiting_ids uuid[]; declined_ids uuid[];
    heirs uuid[]; inherited bigint[];
    placed uuid[]; -- people whose unconfirmed act got a place in this round
    outcome text;
    taken_before integer;
    looked_at integer;
BEGIN
    WHILE cardinality(rest) > 0 LOOP
        SELECT * INTO e FROM events WHERE events.id = of_event FOR NO KEY UPDATE;
        taken_before := e.seats_taken;
        free := CASE WHEN e.capacity IS NULL THEN 1000000000000 ELSE e.capacity - e.seats_taken - e.repeated_seats - held_seats(of_event, clock) END;
        waiting := EXISTS (SELECT FROM attendances w WHERE w.event_id = of_event AND w.state = 'waitlisted'
                           AND w.party_size <= coalesce(e.capacity, 10));
        accepted_ids := '{}'; waiting_ids := '{}'; declined_ids := '{}';
        heirs := '{}'; inherited := '{}'; placed := '{}';
        looked_at := cardinality(rest);
        FOR one IN
            SELECT n.id, n.person_id, n.party_size, u.ordinality, n.id = ANY (unconfirmed) AS is_unconfirmed, o.id AS old_id, o.state AS old_state, o.party_size AS old_size, o.waitlist_position AS old_place,
                   coalesce(h.seats, 0) AS held,
                   row_number() OVER (PARTITION BY n.person_id, n.id = ANY (unconfirmed) ORDER BY u.ordinality DESC) AS recency
            FROM unnest(rest) WITH ORDINALITY AS u (id, ordinality)
            JOIN LATERAL (SELECT x.* FROM attendances x WHERE x.id = u.id OFFSET 0) n ON n.event_id = of_event AND n.state = 'pending'
            LEFT JOIN LATERAL (SELECT x.* FROM attendances x WHERE x.person_id = n.person_id OFFSET 0) o
                ON o.event_id = of_event AND o.state IN ('accepted', 'waitlisted')
            LEFT JOIN seat_holds h ON h.event_id = of_event AND h.attendance_id = n.id AND h.held_until > clock
            ORDER BY u.ordinality
        LOOP
            free := free + one.held; -- its hold ends, whatever becomes of it
            IF one.is_unconfirmed AND (one.old_id IS NOT NULL OR one.person_id = ANY (placed)) THEN
                declined_ids := declined_ids || one.id;
                IF one.party_size <= e.capacity AND free >= one.party_size AND (NOT waiting OR e.allow_smaller_parties_first) THEN
                    free := free - one.party_size;
                    e.repeated_seats := e.repeated_seats + one.party_size;
                END IF;
                CONTINUE;
            END IF;
            IF one.recency > 1 AND NOT one.is_unconfirmed THEN -- the same person again later in this batch: the later one speaks
                declined_ids := declined_ids || one.id;
                CONTINUE;
            END IF;
            IF one.old_state = 'accepted' THEN
                IF e.capacity IS NULL OR one.party_size <= one.old_size OR one.party_size - one.old_size <= free THEN
                    outcome := 'accepted';
                    free := free - (one.party_size - one.old_size);
                    e.seats_taken := e.seats_taken + one.party_size - one.old_size;
                ELSE
                    outcome := 'declined'; -- the larger party does not fit: the seats held before stay
                END IF;
            ELSIF one.party_size > e.capacity THEN
                outcome := 'declined'; -- never fits, so it would wait for nothing
            ELSIF free >= one.party_size AND (NOT waiting OR e.allow_smaller_parties_first OR one.held >= one.party_size) THEN
                outcome := 'accepted';
                free := free - one.party_size;
                e.seats_taken := e.seats_taken + one.party_size;
            ELSIF e.waitlist OR one.old_state = 'waitlisted' THEN
                outcome := 'waitlisted';
                waiting := true;
            ELSE
                outcome := 'declined';
            END IF;
            IF outcome <> 'declined' AND one.old_id IS NOT NULL THEN
                UPDATE attendances o SET state = 'cancelled', ended_at = at, sealed = NULL WHERE o.id = one.old_id;
                IF one.old_state = 'waitlisted' THEN
                    e.waiting_parties := e.waiting_parties - 1;
                    e.waiting_seats := e.waiting_seats - one.old_size;
                END IF;
            END IF;
            IF outcome = 'waitlisted' THEN
                e.waiting_parties := e.waiting_parties + 1;
                e.waiting_seats := e.waiting_seats + one.party_size;
            END IF;
            IF outcome <> 'declined' THEN
                IF one.is_unconfirmed THEN
                    placed := placed || one.person_id;
                END IF;
                heirs := heirs || one.id;
                IF one.old_id IS NOT NULL AND one.party_size <= one.old_size THEN
                    inherited := inherited || one.old_place;
                ELSE -- new, or a larger party: the end of the line
                    inherited := inherited || e.next_waitlist_position;
                    e.next_waitlist_position := e.next_waitlist_position + 1;
                END IF;
            END IF;
            CASE outcome
                WHEN 'accepted' THEN accepted_ids := accepted_ids || one.id;
                WHEN 'waitlisted' THEN waiting_ids := waiting_ids || one.id;
                ELSE declined_ids := declined_ids || one.id;
            END CASE;
            IF waiting AND free > 0 AND one.old_id IS NOT NULL AND outcome <> 'declined' THEN
                looked_at := one.ordinality; -- a party became smaller, or left its place in the line: who waits is next
                EXIT;
            END IF;
        END LOOP;
        rest := rest[looked_at + 1 :];
        UPDATE attendances n
        SET state = CASE WHEN n.id = ANY (accepted_ids) THEN 'accepted' WHEN n.id = ANY (waiting_ids) THEN 'waitlisted' ELSE 'declined' END,
            accepted_at = CASE WHEN n.id = ANY (accepted_ids) THEN at END,
            ended_at = CASE WHEN n.id = ANY (declined_ids) THEN at END,
            -- of somebody who is not known otherwise it goes with the mail that tells her (src/events/mail.rs)
            sealed = CASE WHEN n.id = ANY (declined_ids) AND EXISTS (SELECT FROM people p WHERE p.id = n.person_id AND p.sealed IS NOT NULL)
                          THEN NULL ELSE n.sealed END,
            confirm_expires_at = NULL,
            waitlist_position = (SELECT i.place FROM unnest(heirs, inherited) AS i (id, place) WHERE i.id = n.id)
        WHERE n.id = ANY (accepted_ids || waiting_ids || declined_ids);
        DELETE FROM seat_holds h WHERE h.event_id = of_event AND h.attendance_id = ANY (accepted_ids || waiting_ids || declined_ids);
        UPDATE events SET seats_taken = e.seats_taken, repeated_seats = e.repeated_seats, next_waitlist_position = e.next_waitlist_position, waiting_parties = e.waiting_parties, waiting_seats = e.waiting_seats
        WHERE events.id = of_event;
        IF e.seats_taken <> taken_before THEN
            INSERT INTO action_count_deltas (action_id, dimension, key, delta) VALUES (of_event, 'total', '', e.seats_taken - taken_before);
        END IF;
        IF waiting AND free > 0 THEN
            -- those of this batch are told by the mail of their act
            PERFORM promote_waitlist(of_event, clock, ids);
        END IF;
    END LOOP;
END $$;

-- Holds seats for pending attendances of one event, in the order given, while seats are free and nobody waits for them. All that
-- are held at once are at most a quarter of the room, so that addresses that nobody confirms cannot close a hall.
CREATE OR REPLACE FUNCTION hold_seats(of_event uuid, acts attendance_submission[], clock timestamptz) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    e events;
    free bigint;
    held bigint;
    one record;
BEGIN
    SELECT * INTO e FROM events WHERE events.id = of_event FOR NO KEY UPDATE;
    DELETE FROM seat_holds h WHERE h.event_id = of_event AND h.held_until <= clock;
    held := held_seats(of_event, clock);
    free := least(e.capacity - e.seats_taken - e.repeated_seats, greatest(e.capacity / 4, 1)) - held;
    IF e.capacity IS NULL OR free <= 0 OR e.waiting_parties > 0 AND NOT e.allow_smaller_parties_first THEN
        RETURN;
    END IF;
    FOR one IN
        SELECT a.id, a.party_size, a.held_until FROM unnest(acts) WITH ORDINALITY a
        WHERE a.event_id = of_event AND a.mode = 'pending' AND a.held_until > clock ORDER BY a.ordinality
    LOOP
        IF one.party_size <= free THEN
            INSERT INTO seat_holds (event_id, attendance_id, seats, held_until) VALUES (of_event, one.id, one.party_size, one.held_until);
            free := free - one.party_size;
        END IF;
    END LOOP;
END $$;

-- Writes a batch of registrations: people, attendances, seats, counts, mail and idempotency rows in one commit.
-- Outcomes: the attendance's state, 'held' of a pending one that holds seats, or 'replayed' | 'mismatch' as for submit_signatures.
CREATE OR REPLACE FUNCTION submit_attendances(acts attendance_submission[], clock timestamptz) RETURNS TABLE (submission_id uuid, attendance_id uuid, person_ref uuid, outcome text)
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    spent spent_key[];
    persons uuid[];
    of_event uuid;
    keyed boolean := EXISTS (SELECT FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL);
BEGIN
    IF keyed THEN
        SELECT array_agg(s) INTO spent FROM claim_idempotency_keys(ARRAY(
            SELECT (a.id, a.idempotency_key, a.idempotency_request, a.created_at)::keyed_act
            FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL)) AS s;
        RETURN QUERY SELECT s.act_id, s.resource_id, NULL::uuid, s.outcome FROM unnest(spent) AS s;
        acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id NOT IN (SELECT s.act_id FROM unnest(spent) AS s));
    END IF;

    WITH a AS (
        SELECT * FROM unnest(acts) WITH ORDINALITY
    ), p AS (
        SELECT * FROM upsert_people(ARRAY(
            SELECT (u.person_id, u.vault_id, u.email_index, u.person_sealed, u.locale, u.created_at)::person_act FROM unnest(acts) u))
    ), n AS (
        INSERT INTO attendances (id, event_id, person_id, state, party_size, sealed, locale, source, confirm_expires_at, created_at, vouched, attempt)
        SELECT a.id, a.event_id, p.id, 'pending', a.party_size, a.sealed, a.locale, a.source, a.confirm_expires_at, a.created_at,
               a.mode = 'vouched',
               coalesce((SELECT max(x.attempt) FILTER (WHERE x.event_id = a.event_id) FROM attendances x WHERE x.person_id = p.id), 0)
               + row_number() OVER (PARTITION BY a.event_id, p.id ORDER BY a.ordinality)
        FROM a JOIN p USING (vault_id, email_index) ORDER BY a.ordinality
    )
    SELECT array_agg(p.id) INTO persons FROM p;

    -- Pending acts are not unique: anybody may type any address. The oldest 199 of a person are kept, to which links were
    -- mailed, and the newest.
    WITH theirs AS MATERIALIZED (
        SELECT x.id, x.event_id, x.person_id, x.attempt, x.state FROM attendances x WHERE x.person_id = ANY (persons)
    )
    DELETE FROM attendances s USING (
        SELECT x.id, row_number() OVER (PARTITION BY x.event_id, x.person_id ORDER BY x.attempt, x.id) AS place,
               count(*) OVER (PARTITION BY x.event_id, x.person_id) AS most
        FROM theirs x WHERE x.state = 'pending'
    ) old WHERE old.id = s.id AND old.place BETWEEN 200 AND old.most - 1 AND s.id NOT IN (SELECT a.id FROM unnest(acts) a);

    FOR of_event IN SELECT DISTINCT a.event_id FROM unnest(acts) a WHERE a.mode <> 'pending' OR a.held_until > clock ORDER BY 1 LOOP
        IF EXISTS (SELECT FROM unnest(acts) a WHERE a.event_id = of_event AND a.held_until > clock) THEN
            PERFORM hold_seats(of_event, acts, clock);
        END IF;
        PERFORM allocate_seats(of_event,
            (SELECT array_agg(a.id ORDER BY a.ordinality) FROM unnest(acts) WITH ORDINALITY a WHERE a.event_id = of_event AND a.mode <> 'pending'),
            (SELECT min(a.created_at) FROM unnest(acts) a WHERE a.event_id = of_event), clock,
            ARRAY(SELECT a.id FROM unnest(acts) a WHERE a.event_id = of_event AND a.mode = 'immediate'));
    END LOOP;

    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT a.email_id, a.organization_id,
           CASE WHEN n.state IN ('pending', 'accepted') THEN 'confirmation' ELSE 'notice' END,
           CASE n.state WHEN 'pending' THEN 'event_confirm' WHEN 'accepted' THEN 'event_registered'
                        WHEN 'waitlisted' THEN 'event_waitlisted' ELSE 'event_declined' END,
           jsonb_build_object('attendance', a.id), a.protected, 'queued', a.created_at, a.created_at
    FROM unnest(acts) a JOIN attendances n ON n.id = a.id
    WHERE a.email_id IS NOT NULL
      AND (a.mode <> 'immediate' OR n.state <> 'declined' OR NOT EXISTS ( -- declined again: one mail a day
          SELECT FROM attendances o
          WHERE o.person_id = n.person_id AND o.event_id = n.event_id AND o.state = 'declined' AND o.attempt < n.attempt
            AND o.created_at >= date_trunc('day', a.created_at, 'UTC')));

    RETURN QUERY
        SELECT a.id, a.id, CASE WHEN a.mode = 'vouched' THEN n.person_id END,
               CASE WHEN h.attendance_id IS NULL THEN n.state ELSE 'held' END
        FROM unnest(acts) a JOIN attendances n ON n.id = a.id LEFT JOIN seat_holds h ON h.event_id = a.event_id AND h.attendance_id = a.id;
END $$;

-- Copies the end of an event and its time zone to its action: one index finds what of a campaign has not ended, and
-- retention need not know the kinds.
CREATE OR REPLACE FUNCTION copy_event_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE actions SET ends_at = NEW.over_at, timezone = NEW.timezone WHERE id = NEW.id;
    RETURN NULL;
END $$;
-- Puts confirmed letters on their way: one queue row for each outreach, or 'held' while the action is not
-- live and published.
-- Whoever changes whether an action's letters go out takes a stronger lock of its `letter_actions` row: a letter that is
-- dispatched before the change is there for the job that follows it (src/letters/dispatch.rs), and one that is dispatched
-- after it sees it. So none stays behind in 'held', and none is queued twice: only what is 'pending' or 'held' is queued,
-- and what is held again has lost its row in the queue in the same transaction.
CREATE OR REPLACE FUNCTION dispatch_letters(letter_ids uuid[], at timestamptz) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM FROM letter_actions la WHERE la.id IN (SELECT l.letter_action_id FROM letters l WHERE l.id = ANY (letter_ids)) ORDER BY la.id FOR SHARE;
    WITH theirs AS MATERIALIZED (
        SELECT o.id, o.letter_action_id FROM outreaches o WHERE o.letter_id = ANY (letter_ids)
    )
    UPDATE outreaches o SET state = 'held'
    FROM theirs t
    WHERE o.id = t.id AND o.state = 'pending'
      AND NOT (SELECT la.live AND act.state = 'published' FROM letter_actions la JOIN actions act ON act.id = la.id
               WHERE la.id = t.letter_action_id);
    WITH theirs AS MATERIALIZED (
        SELECT o.id, o.letter_action_id FROM outreaches o WHERE o.letter_id = ANY (letter_ids)
    ), ready AS (
        UPDATE outreaches o SET state = 'queued', email_id = coalesce(o.email_id, uuid_v7(at))
        FROM theirs t
        WHERE o.id = t.id AND o.state IN ('pending', 'held')
          AND (SELECT la.live AND act.state = 'published' FROM letter_actions la JOIN actions act ON act.id = la.id
               WHERE la.id = t.letter_action_id)
        RETURNING o.id, o.email_id, o.office_id, o.letter_action_id
    )
    INSERT INTO emails_waiting (id, organization_id, class, kind, lane, refs, protected, state, due_at, created_at)
    SELECT r.email_id, act.organization_id, 'letter', 'letter_deliver',
           coalesce((SELECT m.mailbox_id::text FROM office_mailboxes m WHERE m.office_id = r.office_id AND m.position = 0), ''),
           jsonb_build_object('outreach', r.id), act.privacy = 'protected', 'queued', at, at
    FROM ready r JOIN actions act ON act.id = r.letter_action_id;
    -- only lanes that are known are looked at
    INSERT INTO mail_lanes (lane)
    SELECT DISTINCT m.mailbox_id::text FROM outreaches o JOIN office_mailboxes m ON m.office_id = o.office_id AND m.position = 0
    WHERE o.letter_id = ANY (letter_ids) AND NOT EXISTS (SELECT FROM mail_lanes l WHERE l.lane = m.mailbox_id::text)
    ORDER BY 1 ON CONFLICT DO NOTHING;
END $$;

-- Writes a batch of letters: people, letters, outreaches, counts, mail and idempotency rows in one commit.
-- Outcomes: 'created', 'replayed', 'mismatch'. `are_attached`: they come with other acts (signatures), whose transaction this is.
CREATE OR REPLACE FUNCTION submit_letters(acts letter_submission[], targets letter_submission_target[], are_attached boolean DEFAULT false) RETURNS TABLE (submission_id uuid, letter_ref uuid, person_ref uuid, outcome text)
LANGUAGE plpgsql
SET enable_seqscan = off -- plans outlive small tables: see submit_signatures
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    spent spent_key[];
    persons uuid[];
    vouched uuid[];
    keyed boolean := EXISTS (SELECT FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL);
BEGIN
    IF keyed THEN
        SELECT array_agg(s) INTO spent FROM claim_idempotency_keys(ARRAY(
            SELECT (a.id, a.idempotency_key, a.idempotency_request, a.created_at)::keyed_act
            FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL)) AS s;
        RETURN QUERY SELECT s.act_id, s.resource_id, NULL::uuid, s.outcome FROM unnest(spent) AS s;
        acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id NOT IN (SELECT s.act_id FROM unnest(spent) AS s));
    END IF;

    WITH a AS (
        SELECT * FROM unnest(acts) WITH ORDINALITY
    ), p AS (
        SELECT * FROM upsert_people(ARRAY(
            SELECT (u.person_id, u.vault_id, u.email_index, u.person_sealed, u.locale, u.created_at)::person_act FROM unnest(acts) u))
    ), l AS (
        INSERT INTO letters (id, letter_action_id, person_id, state, sealed, locale, source, variant, confirm_expires_at, created_at, confirmed_at, attempt, is_attached)
        SELECT a.id, a.letter_action_id, p.id, CASE a.mode WHEN 'vouched' THEN 'confirmed' ELSE 'pending' END, a.sealed, a.locale, a.source,
               a.variant, CASE a.mode WHEN 'vouched' THEN NULL ELSE a.confirm_expires_at END, a.created_at,
               CASE a.mode WHEN 'vouched' THEN a.created_at END,
               coalesce((SELECT max(x.attempt) FILTER (WHERE x.letter_action_id = a.letter_action_id) FROM letters x WHERE x.person_id = p.id), 0)
               + row_number() OVER (PARTITION BY a.letter_action_id, p.id ORDER BY a.ordinality), are_attached
        FROM a JOIN p USING (vault_id, email_index) ORDER BY a.ordinality
    ), o AS (
        INSERT INTO outreaches (id, letter_id, letter_action_id, office_id, state, email_id, created_at)
        SELECT t.outreach_id, a.id, a.letter_action_id, t.office_id, 'pending', t.email_id, a.created_at
        FROM unnest(targets) t JOIN a ON a.id = t.letter_id
    )
    SELECT array_agg(p.id) INTO persons FROM p;

    -- Pending acts are not unique: anybody may type any address. The oldest 199 of a person are kept, to which links were
    -- mailed, and the newest. Attached ones go with their act.
    WITH theirs AS MATERIALIZED (
        SELECT x.id, x.letter_action_id, x.person_id, x.attempt, x.state, x.is_attached FROM letters x WHERE x.person_id = ANY (persons)
    )
    DELETE FROM letters s USING (
        SELECT x.id, row_number() OVER (PARTITION BY x.letter_action_id, x.person_id ORDER BY x.attempt, x.id) AS place,
               count(*) OVER (PARTITION BY x.letter_action_id, x.person_id) AS most
        FROM theirs x WHERE x.state = 'pending' AND NOT x.is_attached
    ) old WHERE old.id = s.id AND old.place BETWEEN 200 AND old.most - 1 AND s.id NOT IN (SELECT a.id FROM unnest(acts) a);

    SELECT array_agg(a.id) INTO vouched FROM unnest(acts) a WHERE a.mode = 'vouched';
    IF vouched IS NOT NULL THEN
        PERFORM dispatch_letters(vouched, (SELECT min(a.created_at) FROM unnest(acts) a));
        INSERT INTO action_count_deltas (action_id, dimension, key, delta)
        SELECT o.letter_action_id, d.dimension, d.key, count(*)
        FROM unnest(acts) a JOIN outreaches o ON o.letter_id = a.id,
             LATERAL (VALUES ('total', ''), ('day', to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('locale', a.locale), ('source', a.source)) d (dimension, key)
        WHERE a.id = ANY (vouched) AND d.key IS NOT NULL
        GROUP BY 1, 2, 3;
    END IF;

    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT a.email_id, a.organization_id, 'confirmation', 'letter_confirm', jsonb_build_object('letter', a.id), a.protected,
           'queued', a.created_at, a.created_at
    FROM unnest(acts) a
    WHERE a.email_id IS NOT NULL AND a.mode = 'pending';

    RETURN QUERY
        SELECT a.id, a.id, CASE WHEN a.mode = 'vouched' THEN l.person_id END, 'created'::text
        FROM unnest(acts) a JOIN letters l ON l.id = a.id;
END $$;
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
-- A UUID of version 7 (RFC 9562) for rows inserted by SQL: time-ordered, so that new index entries are next to each
-- other. For rows of protected actions the caller passes the day instead of the time.
CREATE OR REPLACE FUNCTION uuid_v7(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(set_byte(r.bytes, 6, 112 + get_byte(r.bytes, 6) % 16), 'hex')::uuid
    FROM (SELECT overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6)) AS r (bytes)
$$;
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
-- Writes a batch of signatures with their people, counts, mail and idempotency rows: one round trip, one commit.
-- Acts arrive ordered by (vault_id, email_index), so that two batches lock people in the same order.
-- `attached_letters` are the letters that some of the acts write along, by `letter_id`; they bring neither a mail nor a key of
-- their own. Outcomes: 'created', 'duplicate' (kept uncounted, or already there for a vouched act), 'withdrawn' (imported, and
-- its owner took the signature back before: nothing is written), 'stale' (imported, and somebody was erased since the row was
-- read, maybe its owner: nothing is written), 'replayed' (idempotency key
-- seen with the same request), 'mismatch' (seen with another request). signature_id is the row to show; person_ref, for
-- vouched acts only, the person it belongs to (whose details the vouching caller completes
-- afterwards, where she was there before).
--
-- Sessions live for days and keep the plans they made when the tables were small or empty. So plans are generic, never
-- sequential, and each statement names the one column whose index it wants: a person's few rows are found by person_id
-- alone and told apart afterwards; a condition on petition_id beside it might one day be answered by reading the whole petition.
CREATE OR REPLACE FUNCTION submit_signatures(acts signature_submission[], attached_letters letter_submission[], targets letter_submission_target[])
RETURNS TABLE (submission_id uuid, signature_id uuid, person_ref uuid, outcome text)
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off -- a plan kept from reading tables looks expensive enough to be compiled
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    keyed boolean := EXISTS (SELECT FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL);
    vouching boolean := EXISTS (SELECT FROM unnest(acts) a WHERE a.mode = 'vouched');
    spent spent_key[];
    counted uuid[];
    persons uuid[];
    held vouched_signature[];
    withdrawn vouched_signature[];
    letters_gone uuid[];
    stale uuid[];
BEGIN
    IF keyed THEN
        SELECT array_agg(s) INTO spent FROM claim_idempotency_keys(ARRAY(
            SELECT (a.id, a.idempotency_key, a.idempotency_request, a.created_at)::keyed_act
            FROM unnest(acts) a WHERE a.idempotency_key IS NOT NULL)) AS s;
        RETURN QUERY SELECT s.act_id, s.resource_id, NULL::uuid, s.outcome FROM unnest(spent) AS s;
        acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id NOT IN (SELECT s.act_id FROM unnest(spent) AS s));
    END IF;

    -- Whoever is erased holds the rows of the unread imports (src/petitions/import_erasure.rs): what was read before is read
    -- again. A statement of its own, so that it sees what was committed while the lock was waited for.
    IF EXISTS (SELECT FROM unnest(acts) a WHERE a.import_id IS NOT NULL) THEN
        PERFORM FROM imports i WHERE i.id IN (SELECT a.import_id FROM unnest(acts) a) ORDER BY i.id FOR KEY SHARE;
        SELECT array_agg(a.id) INTO stale FROM unnest(acts) a
        WHERE a.import_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM imports i WHERE i.id = a.import_id AND i.erasures = a.import_erasures);
        IF stale IS NOT NULL THEN
            RETURN QUERY SELECT s, s, NULL::uuid, 'stale'::text FROM unnest(stale) AS s;
            acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id <> ALL (stale));
        END IF;
    END IF;

    -- People whose signatures are read or changed before the people of this batch are found or made are locked first, and all
    -- others of the batch with them: the lock order is in src/people/mod.rs.
    IF EXISTS (SELECT FROM unnest(acts) a WHERE a.import_id IS NOT NULL) THEN
        PERFORM FROM people p
        WHERE p.id IN (SELECT k.id FROM unnest(acts) a JOIN people k ON k.vault_id = a.vault_id AND k.email_index = a.email_index)
        ORDER BY p.vault_id, p.email_index FOR NO KEY UPDATE;
    END IF;

    -- An import does not restore what its owner has withdrawn: an owner who withdraws at this moment has done so by now, or
    -- has a signature that counts.
    IF EXISTS (SELECT FROM unnest(acts) a WHERE a.import_id IS NOT NULL) THEN
        WITH theirs AS MATERIALIZED (
            SELECT a.id, a.petition_id, a.name_index, s.id AS signed_id, s.petition_id AS signed, s.name_index AS signed_name, s.state
            FROM unnest(acts) a
            JOIN people p ON p.vault_id = a.vault_id AND p.email_index = a.email_index
            JOIN signatures s ON s.person_id = p.id
            WHERE a.import_id IS NOT NULL
        )
        SELECT array_agg((t.id, t.signed_id, NULL)::vouched_signature) INTO withdrawn
        FROM (SELECT DISTINCT ON (x.id) x.id, x.signed_id, x.state FROM theirs x
              WHERE x.signed = x.petition_id AND x.signed_name = x.name_index AND x.state IN ('counted', 'withdrawn')
              ORDER BY x.id, x.state) t
        WHERE t.state = 'withdrawn'; -- one that signed again since has a row that counts, which sorts first
        IF withdrawn IS NOT NULL THEN
            RETURN QUERY SELECT w.submission_id, w.signature_id, NULL::uuid, 'withdrawn'::text FROM unnest(withdrawn) AS w;
            acts := ARRAY(SELECT a FROM unnest(acts) a WHERE a.id NOT IN (SELECT w.submission_id FROM unnest(withdrawn) AS w));
        END IF;
    END IF;

    WITH a AS (
        SELECT * FROM unnest(acts) WITH ORDINALITY
    ), p AS (
        SELECT * FROM upsert_people(ARRAY(
            SELECT (u.person_id, u.vault_id, u.email_index, u.person_sealed, u.locale, u.created_at)::person_act FROM unnest(acts) u))
    ), c AS (
        INSERT INTO signatures AS s (id, petition_id, person_id, state, name_index, sealed, display, locale, country, region,
                                     postal_prefix, source, comment_state, delivers_name, quarantine_reason, import_id,
                                     created_at, counted_at)
        SELECT a.id, a.petition_id, p.id, 'counted', a.name_index, a.sealed, a.display, a.locale, a.country, a.region,
               a.postal_prefix, a.source, a.comment_state, a.delivers_name, a.quarantine_reason, a.import_id,
               a.created_at, a.created_at
        FROM a JOIN p USING (vault_id, email_index) WHERE a.mode <> 'pending' AND a.quarantine_reason IS NULL
        ORDER BY a.petition_id, p.id, a.name_index, a.ordinality
        ON CONFLICT (petition_id, person_id, name_index) WHERE state = 'counted' DO NOTHING
        RETURNING s.id
    ), r AS (
        INSERT INTO signatures (id, petition_id, person_id, state, name_index, sealed, display, locale, country, region,
                                postal_prefix, source, comment_state, delivers_name, quarantine_reason, import_id,
                                confirm_expires_at, created_at, counted_at, ended_at, attempt)
        SELECT a.id, a.petition_id, p.id, u.state, a.name_index,
               CASE WHEN u.state <> 'duplicate' THEN a.sealed END, a.display, a.locale, a.country, a.region, a.postal_prefix, a.source,
               CASE WHEN u.state <> 'duplicate' THEN a.comment_state ELSE 'none' END, a.delivers_name, a.quarantine_reason, a.import_id, a.confirm_expires_at, a.created_at,
               CASE u.state WHEN 'quarantined' THEN a.created_at END, CASE u.state WHEN 'duplicate' THEN a.created_at END,
               coalesce((SELECT max(x.attempt) FILTER (WHERE x.petition_id = a.petition_id) FROM signatures x WHERE x.person_id = p.id), 0)
               + row_number() OVER (PARTITION BY a.petition_id, p.id ORDER BY a.ordinality)
        FROM a JOIN p USING (vault_id, email_index),
             -- what is suspected is held back, unless it would be a duplicate anyway
             LATERAL (SELECT CASE WHEN a.mode = 'pending' THEN 'pending'
                                  WHEN a.quarantine_reason IS NULL THEN 'duplicate'
                                  WHEN (SELECT coalesce(bool_or(x.petition_id = a.petition_id AND x.name_index = a.name_index AND x.state IN ('counted', 'quarantined')), false)
                                        FROM signatures x WHERE x.person_id = p.id) THEN 'duplicate'
                                  ELSE 'quarantined' END AS state) u
        WHERE a.mode = 'pending' OR (a.mode = 'immediate' AND NOT EXISTS (SELECT FROM c WHERE c.id = a.id))
    )
    SELECT coalesce((SELECT array_agg(c.id) FROM c), '{}'), (SELECT array_agg(p.id) FROM p) INTO counted, persons;

    IF cardinality(attached_letters) > 0 THEN -- both or neither: a signature that was there before sends no second letter
        attached_letters := ARRAY(SELECT l FROM unnest(attached_letters) l JOIN unnest(acts) a ON a.letter_id = l.id
                         WHERE a.mode = 'pending' OR a.id = ANY (counted));
        IF cardinality(attached_letters) > 0 THEN
            PERFORM FROM submit_letters(attached_letters, ARRAY(
                SELECT t FROM unnest(targets) t WHERE t.letter_id IN (SELECT l.id FROM unnest(attached_letters) l)), true);
            UPDATE signatures s SET letter_id = a.letter_id
            FROM unnest(acts) a JOIN unnest(attached_letters) l ON l.id = a.letter_id WHERE s.id = a.id;
        END IF;
    END IF;

    IF cardinality(counted) > 0 THEN
        INSERT INTO action_count_deltas (action_id, dimension, key, delta)
        SELECT a.petition_id, d.dimension, d.key, count(*)
        FROM unnest(acts) a,
             LATERAL (VALUES ('total', ''), ('day', to_char(a.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')), ('country', a.country),
                             ('region', a.country || '-' || a.region), ('locale', a.locale), ('source', a.source)) d (dimension, key)
        WHERE a.id = ANY (counted) AND d.key IS NOT NULL
        GROUP BY 1, 2, 3;
    END IF;

    -- Without confirmation the published number counts a person again until the night (settle_repeated_submissions): otherwise
    -- whoever submits an address would see whether it was there. The total is named so that it is published.
    INSERT INTO action_count_deltas (action_id, dimension, key, delta)
    SELECT a.petition_id, d.dimension, '', sum(d.delta)
    FROM unnest(acts) a, LATERAL (VALUES ('repeated', 1), ('total', 0)) d (dimension, delta)
    WHERE a.mode = 'immediate' AND a.quarantine_reason IS NULL AND a.id <> ALL (counted)
    GROUP BY 1, 2;

    INSERT INTO signature_signals (signature_id, petition_id, network_tag, domain_tag, created_at)
    SELECT a.id, a.petition_id, a.network_tag, a.domain_tag, a.created_at
    FROM unnest(acts) a WHERE NOT a.protected AND (a.network_tag IS NOT NULL OR a.domain_tag IS NOT NULL);

    -- Pending acts are not unique: anybody may type any address. The oldest 199 of a person for each petition are kept, to
    -- which links were mailed, and the newest. For everybody, known or not: the work must not tell them apart.
    WITH theirs AS MATERIALIZED (
        SELECT x.id, x.petition_id, x.person_id, x.attempt, x.state FROM signatures x WHERE x.person_id = ANY (persons)
    ), gone AS (
        DELETE FROM signatures s USING (
            SELECT x.id, row_number() OVER (PARTITION BY x.petition_id, x.person_id ORDER BY x.attempt, x.id) AS place,
               count(*) OVER (PARTITION BY x.petition_id, x.person_id) AS most
            FROM theirs x WHERE x.state = 'pending'
        ) old WHERE old.id = s.id AND old.place BETWEEN 200 AND old.most - 1 AND s.id NOT IN (SELECT a.id FROM unnest(acts) a)
        RETURNING s.letter_id
    )
    SELECT array_agg(g.letter_id) INTO letters_gone FROM gone g WHERE g.letter_id IS NOT NULL;
    IF letters_gone IS NOT NULL THEN
        DELETE FROM letters l WHERE l.id = ANY (letters_gone) AND l.state = 'pending';
    END IF;

    INSERT INTO emails_waiting (id, organization_id, class, kind, refs, protected, state, due_at, created_at)
    SELECT a.email_id, a.organization_id, a.email_class, a.email_kind, jsonb_build_object('signature', a.id), a.protected,
           'queued', a.created_at, a.created_at
    FROM unnest(acts) a
    WHERE a.email_id IS NOT NULL
      AND CASE a.mode
              WHEN 'pending' THEN true
              WHEN 'vouched' THEN a.id = ANY (counted)
              ELSE a.id = ANY (counted) OR a.quarantine_reason IS NOT NULL OR NOT EXISTS ( -- submitted again: one mail a day
                  SELECT FROM signatures n JOIN signatures o ON o.person_id = n.person_id
                  WHERE n.id = a.id AND o.petition_id = a.petition_id AND o.state = 'duplicate' AND o.attempt < n.attempt
                    AND o.created_at >= date_trunc('day', a.created_at, 'UTC'))
          END;

    IF vouching THEN
        WITH theirs AS MATERIALIZED (
            SELECT s.id, s.petition_id, s.person_id, s.name_index, p.vault_id, p.email_index
            FROM signatures s JOIN people p ON p.id = s.person_id
            WHERE s.person_id = ANY (persons) AND s.state = 'counted'
        )
        SELECT array_agg((a.id, t.id, t.person_id)::vouched_signature) INTO held
        FROM unnest(acts) a JOIN theirs t USING (vault_id, email_index, petition_id, name_index)
        WHERE a.mode = 'vouched';
        IF keyed THEN -- a vouched act that found its signature already there is replayed as that one
            UPDATE idempotency_keys k SET resource_id = h.signature_id, status = 200
            FROM unnest(acts) a JOIN unnest(held) h ON h.submission_id = a.id
            WHERE k.key = a.idempotency_key AND k.resource_id = a.id AND h.signature_id <> a.id;
        END IF;
    END IF;

    RETURN QUERY
        SELECT a.id, coalesce(h.signature_id, a.id), h.person_id,
               CASE WHEN a.mode = 'pending' OR a.id = ANY (counted) THEN 'created' ELSE 'duplicate' END
        FROM unnest(acts) a LEFT JOIN unnest(held) h ON h.submission_id = a.id;
END $$;
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
-- What ANALYZE keeps of the tables: of a column it samples values into pg_statistic, whose rows outlive the sampled ones, in its
-- file even after they are replaced. Nothing sealed, no hash and no index of an address is sampled. Lookups by these columns
-- are by unique index, which the planner knows without statistics.

DO $$
DECLARE
    sealed record;
BEGIN
    FOR sealed IN
        SELECT a.attrelid::regclass AS of_table, a.attname AS name
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
          AND pg_has_role(c.relowner, 'MEMBER') -- the audit trail may belong to another role
          AND a.atttypid = 'bytea'::regtype AND coalesce(a.attstattarget, -1) <> 0
        ORDER BY a.attrelid::regclass::text, a.attname
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', sealed.of_table, sealed.name);
    END LOOP;
END
$$;
-- Triggers, with the functions in the files beside this one. This file comes last.

-- people
CREATE OR REPLACE TRIGGER consents_append_only BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- campaigns
CREATE OR REPLACE TRIGGER actions_changed AFTER INSERT OR UPDATE OR DELETE ON actions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER campaigns_changed AFTER INSERT OR UPDATE OR DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER updates_changed AFTER INSERT OR UPDATE OR DELETE ON updates FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('campaign_id');
CREATE OR REPLACE TRIGGER partners_changed AFTER INSERT OR UPDATE OR DELETE ON partners FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER sources_changed AFTER INSERT OR UPDATE OR DELETE ON sources FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER images_removed AFTER DELETE ON images FOR EACH ROW EXECUTE FUNCTION notify_image_removed();
CREATE OR REPLACE TRIGGER organizations_changed AFTER UPDATE ON organizations FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();

-- letters
CREATE OR REPLACE TRIGGER letter_actions_changed AFTER UPDATE ON letter_actions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER letter_targets_changed AFTER INSERT OR UPDATE OR DELETE ON letter_targets FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('letter_action_id');
CREATE OR REPLACE TRIGGER letter_templates_changed AFTER INSERT OR UPDATE OR DELETE ON letter_templates FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('letter_action_id');
CREATE OR REPLACE TRIGGER offices_changed AFTER UPDATE ON offices FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER officials_changed AFTER UPDATE ON officials FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER terms_changed AFTER INSERT OR UPDATE OR DELETE ON terms FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();

-- calls
CREATE OR REPLACE TRIGGER call_actions_changed AFTER UPDATE ON call_actions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER call_targets_changed AFTER INSERT OR UPDATE OR DELETE ON call_targets FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('call_action_id');

-- petitions
CREATE OR REPLACE TRIGGER allowances_changed AFTER INSERT OR UPDATE OR DELETE ON allowances FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER petitions_changed AFTER UPDATE ON petitions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER milestones_changed AFTER INSERT OR UPDATE OR DELETE ON milestones FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');
CREATE OR REPLACE TRIGGER paper_batches_changed AFTER INSERT OR UPDATE OR DELETE ON paper_batches FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');
CREATE OR REPLACE TRIGGER petition_deliveries_changed AFTER INSERT OR UPDATE OR DELETE ON petition_deliveries FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');

-- events
CREATE OR REPLACE TRIGGER events_end AFTER INSERT OR UPDATE OF over_at, timezone ON events FOR EACH ROW EXECUTE FUNCTION copy_event_end();
-- Not for seats_taken, repeated_seats, next_waitlist_position, waiting_parties and waiting_seats, which the hot path writes.
CREATE OR REPLACE TRIGGER events_changed AFTER UPDATE OF event_kind, format, starts_at, ends_at, has_date, timezone, venue, address_line, locality,
    region, postal_code, country, map_url, accessibility, instructions, joining, joining_opens_minutes, contacts, sessions, dropped_sessions, interpretation, capacity,
    waitlist, published_status ON events FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');

-- mail
CREATE OR REPLACE TRIGGER emails_settled_inserted AFTER INSERT ON emails_settled REFERENCING NEW TABLE AS new_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE OR REPLACE TRIGGER emails_settled_updated AFTER UPDATE ON emails_settled REFERENCING OLD TABLE AS old_mails NEW TABLE AS new_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE OR REPLACE TRIGGER emails_settled_deleted AFTER DELETE ON emails_settled REFERENCING OLD TABLE AS old_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE OR REPLACE TRIGGER mail_pauses_changed AFTER INSERT OR UPDATE OR DELETE ON mail_pauses FOR EACH STATEMENT EXECUTE FUNCTION notify_mail_paused();
CREATE OR REPLACE TRIGGER mail_organization_pauses_changed AFTER INSERT OR UPDATE OR DELETE ON mail_organization_pauses FOR EACH STATEMENT EXECUTE FUNCTION notify_mail_paused();

-- identifiers of submissions
CREATE OR REPLACE TRIGGER signatures_labels_deleted AFTER DELETE ON signatures FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER signatures_labels_dropped AFTER UPDATE OF sealed ON signatures FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER attendances_labels_deleted AFTER DELETE ON attendances FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER attendances_labels_dropped AFTER UPDATE OF sealed ON attendances FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER letters_labels_deleted AFTER DELETE ON letters FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER letters_labels_dropped AFTER UPDATE OF sealed ON letters FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER calls_labels_deleted AFTER DELETE ON calls FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER calls_labels_dropped AFTER UPDATE OF sealed ON calls FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
