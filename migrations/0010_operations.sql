-- What the processes of an installation say about themselves.

-- One row for each process that serves, written every two seconds: whoever can write this can write a signature, so it is
-- what readiness is asked of. Rows of processes that ended go after a day.
CREATE TABLE process_heartbeats (
    process_id uuid PRIMARY KEY, -- made at each start
    role       text NOT NULL,
    version    text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    CONSTRAINT process_heartbeats_role_check CHECK (role IN ('all', 'web', 'worker'))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
