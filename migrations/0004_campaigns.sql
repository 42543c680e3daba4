-- What people can take part in: campaigns, one `actions` row for each petition, event and letter action, and the counts.

CREATE TABLE campaigns (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    slug            text NOT NULL,
    locale          text NOT NULL DEFAULT 'en',
    title           text NOT NULL,
    summary         text NOT NULL DEFAULT '',
    description     text NOT NULL DEFAULT '', -- Markdown
    texts           jsonb NOT NULL DEFAULT '{}', -- {"fr": {"title", "summary"}}: other languages
    state           text NOT NULL DEFAULT 'published',
    created_at      timestamptz NOT NULL,
    modified_at     timestamptz NOT NULL,
    CONSTRAINT campaigns_slug_key UNIQUE (slug),
    CONSTRAINT campaigns_state_check CHECK (state IN ('draft', 'published', 'archived')),
    CONSTRAINT campaigns_texts_check CHECK (jsonb_typeof(texts) = 'object')
);
CREATE INDEX campaigns_organization_id_idx ON campaigns (organization_id, id);
CREATE INDEX campaigns_published_idx ON campaigns (id) WHERE state = 'published';

-- Pictures that were checked, made anew and stripped of everything but their pixels.
CREATE TABLE images (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    content_type    text NOT NULL,
    bytes           bytea NOT NULL,
    width           integer NOT NULL, -- pixels
    height          integer NOT NULL,
    alt             text NOT NULL, -- what the picture shows, for those who do not see it
    created_at      timestamptz NOT NULL,
    CONSTRAINT images_content_type_check CHECK (content_type IN ('image/jpeg', 'image/png', 'image/webp')),
    CONSTRAINT images_bytes_check CHECK (octet_length(bytes) <= 2097152),
    CONSTRAINT images_alt_check CHECK (char_length(alt) BETWEEN 1 AND 500)
);
CREATE INDEX images_organization_id_idx ON images (organization_id);

CREATE TABLE actions (
    id                uuid PRIMARY KEY,
    organization_id   uuid NOT NULL REFERENCES organizations (id),
    campaign_id       uuid REFERENCES campaigns (id),
    vault_id          uuid NOT NULL REFERENCES vaults (id), -- who takes part is kept here
    kind              text NOT NULL,
    slug              text NOT NULL,
    locale            text NOT NULL DEFAULT 'en', -- language of the texts in this row
    title             text NOT NULL,
    summary           text NOT NULL DEFAULT '',
    description       text NOT NULL DEFAULT '', -- Markdown
    texts             jsonb NOT NULL DEFAULT '{}', -- {"fr": {"title", "summary", "description", "body", "button", "thanks", "share"}}
    button            text NOT NULL DEFAULT '', -- empty: the standard words
    thanks            text NOT NULL DEFAULT '',
    share_text        text NOT NULL DEFAULT '', -- what people say when they pass it on
    hosted_by         text NOT NULL DEFAULT '',
    privacy           text NOT NULL DEFAULT 'standard',
    confirmation      text NOT NULL DEFAULT 'email',
    state             text NOT NULL DEFAULT 'draft',
    state_reason      text NOT NULL DEFAULT '', -- why it is in this state, as the page says it
    opens_at          timestamptz, -- null: when it is published
    closes_at         timestamptz, -- null: when somebody closes it
    ends_at           timestamptz, -- events: a copy of events.ends_at; null for others
    timezone          text, -- events: a copy of events.timezone; null: the default one, in which the action's days are counted
    destroy_after     date, -- standard: last day of the data of those who take part, where an organizer chose one; protected: see vaults
    next_action_id    uuid REFERENCES actions (id) ON DELETE SET NULL, -- where a page that takes nobody leads on to
    image_id          uuid REFERENCES images (id) ON DELETE SET NULL,
    preview_generation smallint NOT NULL DEFAULT 0, -- raising it voids the preview links given out before
    send_thanks       boolean NOT NULL DEFAULT true,
    published_count   bigint NOT NULL DEFAULT 0, -- the one public number; moves only on the tick
    published_at      timestamptz, -- when that number was taken
    erased_count      bigint NOT NULL DEFAULT 0, -- acts that counted and whose rows are gone for good: the recount adds them
    verified_at       timestamptz, -- when the counts were last compared with the rows
    created_at        timestamptz NOT NULL,
    modified_at       timestamptz NOT NULL, -- editorial: a signature does not touch it
    CONSTRAINT actions_kind_slug_key UNIQUE (kind, slug),
    CONSTRAINT actions_kind_check CHECK (kind IN ('petition', 'event', 'letter')),
    CONSTRAINT actions_locale_check CHECK (locale IN ('en', 'fr', 'es', 'pa')),
    CONSTRAINT actions_title_check CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT actions_privacy_check CHECK (privacy IN ('standard', 'protected')),
    CONSTRAINT actions_confirmation_check CHECK (confirmation IN ('none', 'email')),
    CONSTRAINT actions_protected_confirms_check CHECK (confirmation = 'email' OR (privacy = 'standard' AND kind <> 'letter')),
    CONSTRAINT actions_state_check CHECK (state IN ('draft', 'published', 'paused', 'closed', 'won', 'lost', 'cancelled', 'archived', 'ended')),
    CONSTRAINT actions_destroy_after_check CHECK (destroy_after IS NULL OR privacy = 'standard'),
    CONSTRAINT actions_published_count_check CHECK (published_count >= 0),
    CONSTRAINT actions_erased_count_check CHECK (erased_count >= 0),
    CONSTRAINT actions_open_check CHECK (closes_at > opens_at),
    CONSTRAINT actions_texts_check CHECK (jsonb_typeof(texts) = 'object')
) WITH (fillfactor = 70, -- the published number moves on each tick, in place
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX actions_organization_id_idx ON actions (organization_id, kind, id);
CREATE INDEX actions_state_idx ON actions (organization_id, kind, state);
CREATE INDEX actions_title_idx ON actions (organization_id, kind, title);
CREATE INDEX actions_created_at_idx ON actions (organization_id, kind, created_at);
CREATE INDEX actions_modified_at_idx ON actions (organization_id, kind, modified_at);
CREATE INDEX actions_public_idx ON actions (kind, id) WHERE state NOT IN ('draft', 'archived');
CREATE INDEX actions_verified_at_idx ON actions (verified_at NULLS FIRST, id);
CREATE INDEX actions_campaign_id_idx ON actions (campaign_id);
-- landing pages, of all campaigns and of one; what ends first comes first
CREATE INDEX actions_landing_idx ON actions (kind, ends_at, id) WHERE state IN ('published', 'paused', 'won', 'cancelled');
CREATE INDEX actions_campaign_landing_idx ON actions (campaign_id, kind, ends_at, id) WHERE state IN ('published', 'paused', 'won', 'cancelled');
-- the events on the console's first page
CREATE INDEX actions_console_events_idx ON actions (organization_id, ends_at) WHERE kind = 'event' AND state <> 'archived';
-- what retention looks for: chosen last days, and what is old
CREATE INDEX actions_destroy_after_idx ON actions (destroy_after) WHERE destroy_after IS NOT NULL;
CREATE INDEX actions_age_idx ON actions (organization_id, created_at);
CREATE INDEX actions_ends_at_idx ON actions (organization_id, ends_at) WHERE ends_at IS NOT NULL;
CREATE INDEX actions_vault_id_idx ON actions (vault_id);
CREATE INDEX actions_closes_at_idx ON actions (closes_at) WHERE state = 'published';
CREATE INDEX actions_next_action_id_idx ON actions (next_action_id) WHERE next_action_id IS NOT NULL;
CREATE INDEX actions_image_id_idx ON actions (image_id) WHERE image_id IS NOT NULL;

-- Actions whose data has ended, on its last day or by hand. Numbers and texts stay. An action that was public is 'ended'
-- from then on; a draft and an archived one are 'archived'.
CREATE TABLE action_ends (
    action_id    uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    ended_at     timestamptz NOT NULL, -- nobody can take part since then; protected: the keys of its vault are gone
    rows_gone_at timestamptz, -- nothing of those who took part is left; null: a job is deleting it
    CONSTRAINT action_ends_rows_gone_check CHECK (rows_gone_at >= ended_at)
);
CREATE INDEX action_ends_open_idx ON action_ends (action_id) WHERE rows_gone_at IS NULL;

-- What became of an action, when, by whom and why.
CREATE TABLE action_state_changes (
    id           uuid PRIMARY KEY,
    action_id    uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    state        text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    organizer_id uuid REFERENCES organizers (id), -- null: by itself, at its closing date
    created_at   timestamptz NOT NULL
);
CREATE INDEX action_state_changes_action_id_idx ON action_state_changes (action_id, created_at, id);
CREATE INDEX action_state_changes_organizer_id_idx ON action_state_changes (organizer_id);

-- Addresses that actions had before; they lead to the present ones.
CREATE TABLE former_slugs (
    kind       text NOT NULL,
    slug       text NOT NULL,
    action_id  uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT former_slugs_pkey PRIMARY KEY (kind, slug)
);
CREATE INDEX former_slugs_action_id_idx ON former_slugs (action_id);

CREATE TABLE updates (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    campaign_id     uuid NOT NULL REFERENCES campaigns (id),
    kind            text NOT NULL DEFAULT 'news',
    title           text NOT NULL,
    body            text NOT NULL DEFAULT '', -- Markdown
    texts           jsonb NOT NULL DEFAULT '{}',
    happened_on     date NOT NULL,
    figures         jsonb NOT NULL DEFAULT '[]', -- [{"series", "value", "unit"}]
    source_url      text NOT NULL DEFAULT '',
    image_id        uuid REFERENCES images (id) ON DELETE SET NULL,
    embargo_until   timestamptz, -- press: nobody sees it before
    media_contact   text NOT NULL DEFAULT '', -- press: whom journalists ask
    quotes          jsonb NOT NULL DEFAULT '[]', -- press: [{"text", "by"}]
    pseudonym       text NOT NULL DEFAULT '', -- story: the name it is told under
    consent_scope   text NOT NULL DEFAULT '', -- story: where the one who tells it agreed to have it shown
    consent_on      date, -- story: when
    created_at      timestamptz NOT NULL,
    modified_at     timestamptz NOT NULL,
    CONSTRAINT updates_story_check CHECK (kind <> 'story' OR (pseudonym <> '' AND consent_scope <> '' AND consent_on IS NOT NULL)),
    CONSTRAINT updates_press_check CHECK (kind = 'press' OR embargo_until IS NULL),
    CONSTRAINT updates_quotes_check CHECK (jsonb_typeof(quotes) = 'array'),
    CONSTRAINT updates_kind_check CHECK (kind IN ('news', 'win', 'deadline', 'draw', 'press', 'story')),
    CONSTRAINT updates_figures_check CHECK (jsonb_typeof(figures) = 'array'),
    CONSTRAINT updates_campaign_title_key UNIQUE (campaign_id, happened_on, title)
);
CREATE INDEX updates_organization_id_idx ON updates (organization_id, happened_on, id);
CREATE INDEX updates_campaign_id_idx ON updates (campaign_id, happened_on, id);
CREATE INDEX updates_happened_on_idx ON updates (happened_on, id);
CREATE INDEX updates_image_id_idx ON updates (image_id) WHERE image_id IS NOT NULL;

-- Organizations that get their own consent box.
CREATE TABLE partners (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    slug            text NOT NULL,
    name            text NOT NULL,
    wording         jsonb NOT NULL DEFAULT '{}', -- {"en": "...", "fr": "..."}
    created_at      timestamptz NOT NULL,
    CONSTRAINT partners_organization_slug_key UNIQUE (organization_id, slug)
);
CREATE INDEX partners_organization_id_idx ON partners (organization_id, name, id);

-- Registered words for where people come from; any other word counts as "other".
CREATE TABLE sources (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    word            text NOT NULL,
    partner_id      uuid REFERENCES partners (id),
    CONSTRAINT sources_organization_word_key UNIQUE (organization_id, word)
);
CREATE INDEX sources_partner_id_idx ON sources (partner_id);

CREATE TABLE short_links (
    word            text PRIMARY KEY, -- /go/{word}
    action_id       uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    created_at      timestamptz NOT NULL,
    CONSTRAINT short_links_word_check CHECK (word ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(word) <= 40)
);
CREATE INDEX short_links_action_id_idx ON short_links (action_id, created_at, word);

-- How often short links are followed, and nothing about who follows them.
CREATE TABLE short_link_clicks (
    word text NOT NULL REFERENCES short_links (word) ON DELETE CASCADE,
    day  date NOT NULL,
    clicks bigint NOT NULL,
    CONSTRAINT short_link_clicks_pkey PRIMARY KEY (word, day)
);

-- Counts by one dimension at a time: dimension "total" with key '', or "day", "country", "region", "locale", "source". Letters
-- also by "state" of what was settled.
CREATE TABLE action_counts (
    action_id   uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    dimension   text NOT NULL,
    key         text NOT NULL,
    value       bigint NOT NULL,
    unpublished boolean NOT NULL DEFAULT true, -- the total moved since its number was published
    CONSTRAINT action_counts_pkey PRIMARY KEY (action_id, dimension, key),
    CONSTRAINT action_counts_dimension_check CHECK (dimension IN ('total', 'day', 'country', 'region', 'locale', 'source', 'state', 'repeated'))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX action_counts_unpublished_idx ON action_counts (action_id) WHERE unpublished AND dimension = 'total';
-- Submissions without confirmation of people who had taken part before: part of the published number until the night, so that
-- it does not tell who had.
CREATE INDEX action_counts_repeated_idx ON action_counts (action_id) WHERE dimension = 'repeated';
-- What acts add to the counts. Appended, never updated: signers of one petition do not wait for each other.
-- The tick folds these rows into action_counts.
CREATE TABLE action_count_deltas (
    id        bigint GENERATED ALWAYS AS IDENTITY,
    action_id uuid NOT NULL,
    dimension text NOT NULL,
    key       text NOT NULL,
    delta     bigint NOT NULL,
    CONSTRAINT action_count_deltas_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX action_count_deltas_action_id_idx ON action_count_deltas (action_id, dimension);

-- Petitions whose published count or settings changed since the tick last looked at what follows from them (milestones,
-- breakdowns): it looks at no others.
CREATE TABLE count_moves (
    action_id uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0.01);

-- Who compares the counts of an action with its rows at present. A claim that is not renewed ends by itself.
CREATE TABLE recounts (
    action_id     uuid PRIMARY KEY REFERENCES actions (id) ON DELETE CASCADE,
    lease_token   uuid NOT NULL,
    leased_until  timestamptz NOT NULL -- by the database's clock; nobody else begins before
);

-- Breakdowns as the public sees them: taken once a day, small cells merged into 'other', rounded.
CREATE TABLE published_counts (
    action_id uuid NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    dimension text NOT NULL,
    key       text NOT NULL,
    value     bigint NOT NULL,
    as_of     date NOT NULL,
    CONSTRAINT published_counts_pkey PRIMARY KEY (action_id, dimension, key),
    CONSTRAINT published_counts_dimension_check CHECK (dimension IN ('day', 'country', 'region', 'locale')),
    CONSTRAINT published_counts_value_check CHECK (value >= 5)
);
