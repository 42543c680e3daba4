-- Phone calls to offices: the fourth kind of action.

ALTER TABLE actions DROP CONSTRAINT actions_kind_check,
    ADD CONSTRAINT actions_kind_check CHECK (kind IN ('petition', 'event', 'letter', 'call'));
-- calls are counted by office (its id) and by how they went
ALTER TABLE action_counts DROP CONSTRAINT action_counts_dimension_check,
    ADD CONSTRAINT action_counts_dimension_check
        CHECK (dimension IN ('total', 'day', 'country', 'region', 'locale', 'source', 'state', 'repeated', 'office', 'outcome'));

ALTER TABLE saved_filters DROP CONSTRAINT saved_filters_list_check,
    ADD CONSTRAINT saved_filters_list_check CHECK (list IN ('signatures', 'attendances', 'outreaches', 'calls'));

ALTER TABLE offices
    ADD COLUMN phone text NOT NULL DEFAULT '', -- public number: E.164 where it is one ("+16135550100"), else as it was typed
    ADD COLUMN hours jsonb NOT NULL DEFAULT '{}', -- when somebody answers: {"timezone_identifier", "periods": [{"days", "opens", "closes"}]}
    ADD CONSTRAINT offices_hours_check CHECK (jsonb_typeof(hours) = 'object');

CREATE TABLE call_actions (
    id     uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    script text NOT NULL DEFAULT '' -- what to say (Markdown), in the action's language; others: `body` of actions.texts
);

CREATE TABLE call_targets (
    call_action_id uuid NOT NULL REFERENCES call_actions (id) ON DELETE CASCADE,
    office_id      uuid NOT NULL REFERENCES offices (id),
    position       smallint NOT NULL,
    CONSTRAINT call_targets_pkey PRIMARY KEY (call_action_id, office_id)
);
CREATE INDEX call_targets_office_id_idx ON call_targets (office_id);

-- What somebody says of a call that was made. One of a person counts for each office; a later one takes its place.
CREATE TABLE calls (
    id                 uuid PRIMARY KEY,
    call_action_id     uuid NOT NULL REFERENCES call_actions (id),
    person_id          uuid NOT NULL REFERENCES people (id),
    office_id          uuid NOT NULL REFERENCES offices (id),
    state              text NOT NULL,
    outcome            text NOT NULL, -- how it went
    sealed             bytea, -- what was typed; null once it does not count any more
    locale             text,
    source             text,
    attempt            integer NOT NULL DEFAULT 1, -- counts up with the acts of one person here: which is newer, without a time
    reminded           boolean NOT NULL DEFAULT false, -- the one reminder to confirm was queued
    link_generation    smallint NOT NULL DEFAULT 0, -- raising it voids the links mailed before
    confirm_expires_at timestamptz,
    created_at         timestamptz NOT NULL, -- protected actions: floored to the day
    counted_at         timestamptz,
    ended_at           timestamptz, -- when it was withdrawn, or another one took its place
    CONSTRAINT calls_state_check CHECK (state IN ('pending', 'counted', 'replaced', 'withdrawn')),
    CONSTRAINT calls_outcome_check CHECK (outcome IN ('reached', 'message', 'no_answer', 'busy', 'other')),
    CONSTRAINT calls_counted_check CHECK (state <> 'counted' OR counted_at IS NOT NULL)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX calls_counted_key ON calls (call_action_id, office_id, person_id) WHERE state = 'counted';
CREATE INDEX calls_call_action_id_idx ON calls (call_action_id, id);
CREATE INDEX calls_created_at_idx ON calls (call_action_id, created_at);
CREATE INDEX calls_state_idx ON calls (call_action_id, state) WHERE state IN ('replaced', 'withdrawn');
CREATE INDEX calls_person_id_idx ON calls (person_id);
CREATE INDEX calls_office_id_idx ON calls (office_id);
CREATE INDEX calls_pending_idx ON calls (confirm_expires_at) WHERE state = 'pending';
CREATE INDEX calls_unreminded_idx ON calls (created_at) WHERE state = 'pending' AND NOT reminded;

CREATE TYPE call_submission AS (header submission_header, office_id uuid, outcome text);
