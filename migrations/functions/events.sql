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
