-- Heartbeats of the processes of an installation, and the backups that were made of it.

-- One row per serving process, written every two seconds. It is the readiness check: a process that can commit this
-- write can commit a signature. Rows of processes that have ended are deleted after a day.
CREATE TABLE process_heartbeats (
    process_id uuid PRIMARY KEY, -- random, new at each start
    role       text NOT NULL,
    version    text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    CONSTRAINT process_heartbeats_role_check CHECK (role IN ('all', 'web', 'worker'))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- One row per backup (`muster backup`) that is complete, for the metrics; kept for 90 days.
CREATE TABLE backups (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at    timestamptz NOT NULL, -- of its snapshot, by the clock of the database
    finished_at timestamptz NOT NULL,
    bytes       bigint NOT NULL, -- of the file
    CONSTRAINT backups_times_check CHECK (finished_at >= taken_at),
    CONSTRAINT backups_bytes_check CHECK (bytes > 0)
);

-- One row: the least newest migration that a release has to know to run on this schema. A migration that breaks older
-- releases raises it (docs/adr/0020-migrations.md).
CREATE TABLE schema_compatibility (
    is_only        boolean NOT NULL DEFAULT true,
    oldest_release bigint NOT NULL,
    CONSTRAINT schema_compatibility_pkey PRIMARY KEY (is_only),
    CONSTRAINT schema_compatibility_is_only_check CHECK (is_only)
);
INSERT INTO schema_compatibility (oldest_release) VALUES (1);
