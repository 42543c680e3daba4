-- A UUID of version 7 (RFC 9562) for rows inserted by SQL: time-ordered, so that new index entries are next to each
-- other. For rows of protected actions the caller passes the day instead of the time.
CREATE OR REPLACE FUNCTION uuid_v7(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(set_byte(r.bytes, 6, 112 + get_byte(r.bytes, 6) % 16), 'hex')::uuid
    FROM (SELECT overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6)) AS r (bytes)
$$;
