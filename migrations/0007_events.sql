CREATE TABLE events (
    id                  uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    event_kind          text NOT NULL DEFAULT 'other',
    format              text NOT NULL DEFAULT 'in_person',
    starts_at           timestamptz NOT NULL,
    ends_at             timestamptz NOT NULL,
    has_date             boolean NOT NULL DEFAULT true, -- false: nobody chose the start of this draft yet
    timezone            text NOT NULL, -- IANA name; times are shown in it
    venue               text NOT NULL DEFAULT '',
    address_line        text NOT NULL DEFAULT '',
    locality            text NOT NULL DEFAULT '',
    region              text NOT NULL DEFAULT '',
    postal_code         text NOT NULL DEFAULT '',
    country             text NOT NULL DEFAULT 'CA',
    map_url             text NOT NULL DEFAULT '',
    accessibility       text NOT NULL DEFAULT '',
    instructions        text NOT NULL DEFAULT '', -- the join link: only for the registered, never on a public page
    contacts            jsonb NOT NULL DEFAULT '[]', -- [{"name", "phone", "email"}] of hosts who agreed to be named
    sessions            jsonb NOT NULL DEFAULT '[]', -- [{"title", "starts_at", "ends_at", "rrule"}]
    interpretation      text[] NOT NULL DEFAULT '{}', -- languages that are interpreted
    capacity            integer, -- seats; null: no limit
    seats_taken         integer NOT NULL DEFAULT 0, -- exact; written only under this row's lock
    repeated_seats      integer NOT NULL DEFAULT 0, -- kept free until the night, for people who registered again without confirmation
    waitlist            boolean NOT NULL DEFAULT true,
    next_waitlist_position          bigint NOT NULL DEFAULT 1, -- the next place in the line; written only under this row's lock
    waiting_parties     integer NOT NULL DEFAULT 0, -- parties on the waiting list, and the seats they ask for; exact; written only under this row's lock
    waiting_seats       integer NOT NULL DEFAULT 0,
    allow_smaller_parties_first boolean NOT NULL DEFAULT false, -- may a party that fits pass a larger one that waits?
    published_status    text NOT NULL DEFAULT 'open', -- what the public sees; moves only on the tick
    calendar_sequence   integer NOT NULL DEFAULT 0, -- iCalendar SEQUENCE: raised when time or place changes, or it is called off
    last_changes        text[] NOT NULL DEFAULT '{}', -- what its mails say has changed
    CONSTRAINT events_kind_check CHECK (event_kind IN ('rally', 'march', 'assembly', 'vigil', 'workshop', 'training', 'camp', 'delivery', 'meeting', 'picnic', 'other')),
    CONSTRAINT events_format_check CHECK (format IN ('in_person', 'online', 'hybrid')),
    CONSTRAINT events_times_check CHECK (ends_at >= starts_at),
    CONSTRAINT events_capacity_check CHECK (capacity >= 1),
    CONSTRAINT events_seats_check CHECK (seats_taken >= 0 AND (capacity IS NULL OR seats_taken <= capacity)),
    CONSTRAINT events_last_changes_check CHECK (last_changes <@ ARRAY['time', 'place', 'join']),
    CONSTRAINT events_published_status_check CHECK (published_status IN ('open', 'waitlist', 'closed'))
);
CREATE INDEX events_starts_at_idx ON events (starts_at);
CREATE INDEX events_repeated_seats_idx ON events (id) WHERE repeated_seats > 0;
-- events that have not ended: the tick reads no others
CREATE INDEX events_ends_at_idx ON events (ends_at);

CREATE TABLE attendances (
    id                 uuid PRIMARY KEY,
    event_id           uuid NOT NULL REFERENCES events (id),
    person_id          uuid NOT NULL REFERENCES people (id),
    state              text NOT NULL,
    party_size         smallint NOT NULL DEFAULT 1,
    sealed             bytea,
    locale             text,
    source             text,
    link_generation    smallint NOT NULL DEFAULT 0,
    confirm_expires_at timestamptz,
    created_at         timestamptz NOT NULL, -- protected events: floored to the day
    attempt            integer NOT NULL DEFAULT 1, -- counts up with the acts of one person here: which is newer, without a time
    reminded           boolean NOT NULL DEFAULT false, -- the one reminder to confirm was queued
    vouched            boolean NOT NULL DEFAULT false, -- entered by an organizer: nobody confirmed the address for it
    waitlist_position        bigint, -- place in the line of this event, counted up as places are given
    accepted_at        timestamptz,
    ended_at           timestamptz,
    CONSTRAINT attendances_state_check CHECK (state IN ('pending', 'accepted', 'waitlisted', 'cancelled', 'declined')),
    CONSTRAINT attendances_party_size_check CHECK (party_size BETWEEN 1 AND 10),
    CONSTRAINT attendances_accepted_check CHECK (state <> 'accepted' OR accepted_at IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX attendances_created_at_idx ON attendances (event_id, created_at);
CREATE INDEX attendances_state_idx ON attendances (event_id, state) WHERE state IN ('waitlisted', 'cancelled', 'declined');
CREATE UNIQUE INDEX attendances_active_key ON attendances (event_id, person_id) WHERE state IN ('accepted', 'waitlisted');
CREATE INDEX attendances_event_id_idx ON attendances (event_id, id);
CREATE INDEX attendances_person_id_idx ON attendances (person_id);
CREATE INDEX attendances_waitlist_idx ON attendances (event_id, waitlist_position) WHERE state = 'waitlisted';
-- The next in line of each size, of which there are ten.
CREATE INDEX attendances_waitlist_size_idx ON attendances (event_id, party_size, waitlist_position) WHERE state = 'waitlisted';
CREATE INDEX attendances_pending_idx ON attendances (confirm_expires_at) WHERE state = 'pending';
CREATE INDEX attendances_unreminded_idx ON attendances (created_at) WHERE state = 'pending' AND NOT reminded;

CREATE TYPE attendance_submission AS (
    id uuid, event_id uuid, vault_id uuid, person_id uuid, email_index bytea, person_sealed bytea,
    mode text, -- 'pending' | 'immediate' (no confirmation asked) | 'vouched'
    party_size smallint, sealed bytea, locale text, source text, created_at timestamptz, confirm_expires_at timestamptz,
    email_id uuid, organization_id uuid, protected boolean,
    idempotency_key bytea, idempotency_request bytea
);
