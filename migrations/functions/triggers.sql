-- Triggers, with the functions in the files beside this one. This file comes last.

-- people
CREATE OR REPLACE TRIGGER consents_append_only BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- campaigns
CREATE OR REPLACE TRIGGER actions_changed AFTER INSERT OR UPDATE OR DELETE ON actions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER campaigns_changed AFTER INSERT OR UPDATE OR DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER updates_changed AFTER INSERT OR UPDATE OR DELETE ON updates FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('campaign_id');
CREATE OR REPLACE TRIGGER partners_changed AFTER INSERT OR UPDATE OR DELETE ON partners FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER sources_changed AFTER INSERT OR UPDATE OR DELETE ON sources FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER images_removed AFTER DELETE ON images FOR EACH ROW EXECUTE FUNCTION notify_image_removed();
CREATE OR REPLACE TRIGGER organizations_changed AFTER UPDATE ON organizations FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();

-- letters
CREATE OR REPLACE TRIGGER letter_actions_changed AFTER UPDATE ON letter_actions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER letter_targets_changed AFTER INSERT OR UPDATE OR DELETE ON letter_targets FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('letter_action_id');
CREATE OR REPLACE TRIGGER letter_templates_changed AFTER INSERT OR UPDATE OR DELETE ON letter_templates FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('letter_action_id');
CREATE OR REPLACE TRIGGER offices_changed AFTER UPDATE ON offices FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER officials_changed AFTER UPDATE ON officials FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER terms_changed AFTER INSERT OR UPDATE OR DELETE ON terms FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();

-- calls
CREATE OR REPLACE TRIGGER call_actions_changed AFTER UPDATE ON call_actions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER call_targets_changed AFTER INSERT OR UPDATE OR DELETE ON call_targets FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('call_action_id');

-- petitions
CREATE OR REPLACE TRIGGER allowances_changed AFTER INSERT OR UPDATE OR DELETE ON allowances FOR EACH STATEMENT EXECUTE FUNCTION notify_cache_invalidation();
CREATE OR REPLACE TRIGGER petitions_changed AFTER UPDATE ON petitions FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');
CREATE OR REPLACE TRIGGER milestones_changed AFTER INSERT OR UPDATE OR DELETE ON milestones FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');
CREATE OR REPLACE TRIGGER paper_batches_changed AFTER INSERT OR UPDATE OR DELETE ON paper_batches FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');
CREATE OR REPLACE TRIGGER petition_deliveries_changed AFTER INSERT OR UPDATE OR DELETE ON petition_deliveries FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('petition_id');

-- events
CREATE OR REPLACE TRIGGER events_end AFTER INSERT OR UPDATE OF over_at, timezone ON events FOR EACH ROW EXECUTE FUNCTION copy_event_end();
-- Not for seats_taken, repeated_seats, next_waitlist_position, waiting_parties and waiting_seats, which the hot path writes.
CREATE OR REPLACE TRIGGER events_changed AFTER UPDATE OF event_kind, format, starts_at, ends_at, has_date, timezone, venue, address_line, locality,
    region, postal_code, country, map_url, accessibility, instructions, joining, joining_opens_minutes, contacts, sessions, dropped_sessions, interpretation, capacity,
    waitlist, published_status ON events FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidation('id');

-- mail
CREATE OR REPLACE TRIGGER emails_settled_inserted AFTER INSERT ON emails_settled REFERENCING NEW TABLE AS new_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE OR REPLACE TRIGGER emails_settled_updated AFTER UPDATE ON emails_settled REFERENCING OLD TABLE AS old_mails NEW TABLE AS new_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE OR REPLACE TRIGGER emails_settled_deleted AFTER DELETE ON emails_settled REFERENCING OLD TABLE AS old_mails
    FOR EACH STATEMENT EXECUTE FUNCTION count_settled_mail();
CREATE OR REPLACE TRIGGER mail_pauses_changed AFTER INSERT OR UPDATE OR DELETE ON mail_pauses FOR EACH STATEMENT EXECUTE FUNCTION notify_mail_paused();
CREATE OR REPLACE TRIGGER mail_organization_pauses_changed AFTER INSERT OR UPDATE OR DELETE ON mail_organization_pauses FOR EACH STATEMENT EXECUTE FUNCTION notify_mail_paused();

-- identifiers of submissions
CREATE OR REPLACE TRIGGER signatures_labels_deleted AFTER DELETE ON signatures FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER signatures_labels_dropped AFTER UPDATE OF sealed ON signatures FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER attendances_labels_deleted AFTER DELETE ON attendances FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER attendances_labels_dropped AFTER UPDATE OF sealed ON attendances FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER letters_labels_deleted AFTER DELETE ON letters FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER letters_labels_dropped AFTER UPDATE OF sealed ON letters FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER calls_labels_deleted AFTER DELETE ON calls FOR EACH ROW EXECUTE FUNCTION delete_submission_labels();
CREATE OR REPLACE TRIGGER calls_labels_dropped AFTER UPDATE OF sealed ON calls FOR EACH ROW WHEN (OLD.sealed IS NOT NULL AND NEW.sealed IS NULL)
    EXECUTE FUNCTION delete_submission_labels();
