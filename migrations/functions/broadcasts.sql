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
