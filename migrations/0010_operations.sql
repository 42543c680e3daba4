-- Heartbeats of the processes of an installation.

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
