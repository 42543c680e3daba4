-- Broadcasts: email updates to people who took part in an action and agreed to news.
CREATE TABLE broadcasts (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    organizer_id    uuid NOT NULL REFERENCES organizers (id),
    texts           jsonb NOT NULL, -- {"en": {"subject": text, "body": Markdown}}
    locale          text NOT NULL, -- language of the text for readers whose own has none
    actions         uuid[] NOT NULL, -- audience: people who took part in any of these
    tags            text[] NOT NULL DEFAULT '{}', -- audience: people who have any of these tags; with actions: who took part, too
    locales         text[] NOT NULL DEFAULT '{}', -- filter: their language is one of these; empty: any
    regions         text[] NOT NULL DEFAULT '{}', -- filter: they signed from one of these ('CA-ON'); empty: any
    sources         text[] NOT NULL DEFAULT '{}', -- filter: the source of their act is one of these; empty: any
    state           text NOT NULL DEFAULT 'draft',
    due_at          timestamptz, -- sending begins then
    audience        bigint, -- size of the audience at the last count; null: it is being counted
    audience_at     timestamptz, -- time of the last count
    audience_counted bigint NOT NULL DEFAULT 0, -- size so far, while it is being counted in steps
    audience_cursor  bytea, -- address index up to which it is counted
    audience_frozen  boolean NOT NULL DEFAULT false, -- all recipients are determined
    freeze_cursor   bytea, -- address index up to which recipients are determined, in steps
    recipients      bigint NOT NULL DEFAULT 0,
    enqueue_cursor  uuid, -- recipients up to this person were queued
    requeues_given_up boolean NOT NULL DEFAULT false, -- resumed: recipients whose mail was cancelled are first set back to 'waiting'
    created_at      timestamptz NOT NULL,
    started_at      timestamptz,
    finished_at     timestamptz,
    CONSTRAINT broadcasts_state_check CHECK (state IN ('draft', 'scheduled', 'sending', 'paused', 'done', 'cancelled', 'failed')),
    CONSTRAINT broadcasts_texts_check CHECK (jsonb_typeof(texts) = 'object'),
    CONSTRAINT broadcasts_due_check CHECK (state = 'draft' OR state = 'cancelled' OR due_at IS NOT NULL)
);
CREATE INDEX broadcasts_organization_id_idx ON broadcasts (organization_id, id);
CREATE INDEX broadcasts_organizer_id_idx ON broadcasts (organizer_id);

-- Recipients. Their mails are queued in a window of limited size, so that the mail queue stays small and a pause
-- takes effect at once: mails that are still queued are withdrawn then, and their recipients set back to 'waiting'.
CREATE TABLE broadcast_recipients (
    broadcast_id uuid NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    person_id    uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    state        text NOT NULL DEFAULT 'waiting',
    email_id     uuid, -- the recipient's mail; null: not queued
    CONSTRAINT broadcast_recipients_pkey PRIMARY KEY (broadcast_id, person_id),
    CONSTRAINT broadcast_recipients_state_check CHECK (state IN ('waiting', 'queued', 'sent', 'failed', 'uncertain', 'cancelled', 'bounced', 'complained'))
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX broadcast_recipients_person_id_idx ON broadcast_recipients (person_id);
CREATE INDEX broadcast_recipients_state_idx ON broadcast_recipients (broadcast_id, state);
CREATE INDEX broadcast_recipients_waiting_idx ON broadcast_recipients (broadcast_id, person_id) WHERE state = 'waiting';

-- Number of recipients by state, as a sum of deltas, so that rows need not be counted: appended with each change,
-- folded by the sending job.
CREATE TABLE broadcast_counts (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    broadcast_id uuid NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    state        text NOT NULL,
    delta        bigint NOT NULL,
    CONSTRAINT broadcast_counts_pkey PRIMARY KEY (id)
);
CREATE INDEX broadcast_counts_broadcast_id_idx ON broadcast_counts (broadcast_id, id);
