//! Petitions, events and letter actions.

use super::{
    super::{
        Form,
        field::{Choices, Field, Group, Shown, Widget, field, folded, group},
    },
    CAMPAIGNS, FORM, LETTER_ACTIONS,
};
use crate::{campaigns::State, organizers::Scope};

const TITLE: Field = field("/title", "form-title", Widget::Line).required().in_languages("/muster:texts/*/title");
const CAMPAIGN: Field = field("/muster:campaign", "form-campaign", Widget::Choice(CAMPAIGNS));
const LANGUAGE: Field = field("/muster:locale", "form-language", Widget::Choice(Choices::Languages))
    .hint("form-language-hint")
    .shown(Shown::New);
const SUMMARY: Field = field("/muster:summary", "form-summary", Widget::Text)
    .hint("form-summary-hint")
    .in_languages("/muster:texts/*/summary");
const DESCRIPTION: Field = field("/description", "form-description", Widget::Text)
    .hint("form-markdown-hint")
    .in_languages("/muster:texts/*/description");

const PAGE: Group = folded(
    "form-group-page",
    &[
        field("/muster:button", "form-button", Widget::Line).in_languages("/muster:texts/*/button"),
        field("/muster:share_text", "form-share", Widget::Text).in_languages("/muster:texts/*/share"),
        field("/muster:thanks", "form-thanks", Widget::Text)
            .hint("form-thanks-hint")
            .in_languages("/muster:texts/*/thanks"),
        field("/muster:hosted_by", "form-hosted-by", Widget::Line),
        field("/muster:slug", "form-slug", Widget::Word).hint("form-slug-hint"),
        field("/muster:next_action", "form-next-action", Widget::Choice(Choices::ActionPages))
            .hint("form-next-action-hint"),
    ],
);
const PRIVACY: Group = folded(
    "form-group-privacy",
    &[
        field(
            "/muster:privacy",
            "form-privacy",
            Widget::Choice(Choices::Fixed("form-privacy-", &["standard", "protected"])),
        )
        .initial("standard")
        .hint("form-privacy-hint")
        .shown(Shown::New),
        field(
            "/muster:confirmation",
            "form-confirmation",
            Widget::Choice(Choices::Fixed("form-confirmation-", &["email", "none"])),
        )
        .initial("email")
        .hint("form-confirmation-hint")
        .shown(Shown::New),
        field("/muster:destroy_after", "console-last-day", Widget::Day).hint("form-last-day-hint"),
    ],
);
const SCHEDULE: Group = folded(
    "form-group-schedule",
    &[
        field("/muster:opens_at", "form-opens", Widget::Moment).hint("form-opens-hint"),
        field("/muster:closes_at", "form-closes", Widget::Moment).hint("form-closes-hint"),
    ],
);

const REQUIREMENT: Choices = Choices::Fixed("form-requirement-", &["off", "optional", "required"]);
const QUESTION: &[Field] = &[
    field("/label", "form-question-label", Widget::Line).in_languages("/labels/*"),
    field("/key", "form-question-key", Widget::Line).hint("form-question-key-hint"),
    field(
        "/kind",
        "form-question-kind",
        Widget::Choice(Choices::Fixed("form-question-kind-", &["text", "choice", "checkbox"])),
    )
    .initial("text"),
    field("/choices", "form-question-choices", Widget::Answers).hint("form-question-choices-hint"),
    field("/required", "form-question-required", Widget::Flag),
];
const PETITION: &[Group] = &[
    group(
        "",
        &[
            TITLE,
            LANGUAGE,
            CAMPAIGN,
            SUMMARY,
            field("/petition_text", "form-petition-text", Widget::Text)
                .hint("form-petition-text-hint")
                .in_languages("/muster:texts/*/body"),
            field("/muster:demands", "form-demands", Widget::Lines).hint("form-lines-hint"),
            field("/target", "form-targets", Widget::LinesOf("name")).hint("form-lines-hint"),
            DESCRIPTION,
        ],
    ),
    folded(
        "console-goal-title",
        &[
            field("/muster:goal", "console-goal", Widget::Number),
            field("/muster:raises_goal", "console-raises-goal", Widget::Flag),
            field("/muster:milestones", "console-milestones", Widget::Numbers).hint("form-milestones-hint"),
        ],
    ),
    SCHEDULE,
    folded(
        "form-group-form",
        &[
            field("/muster:fields/family_name", "import-field-family-name", Widget::Choice(REQUIREMENT)),
            field("/muster:fields/phone", "import-field-phone", Widget::Choice(REQUIREMENT)),
            field("/muster:fields/postal_code", "import-field-postal-code", Widget::Choice(REQUIREMENT)),
            field("/muster:fields/city", "import-field-city", Widget::Choice(REQUIREMENT)),
            field("/muster:fields/country", "import-field-country", Widget::Choice(REQUIREMENT)),
            field("/muster:fields/comments", "import-field-comments", Widget::Choice(REQUIREMENT)),
            field("/muster:letter", "form-letter", Widget::Choice(LETTER_ACTIONS))
                .hint("form-letter-hint")
                .shown(Shown::New),
            field("/muster:shares_addresses", "form-shares-addresses", Widget::Flag),
            field("/muster:shows_breakdowns", "form-shows-breakdowns", Widget::Flag).initial("true"),
            field("/muster:keeps_contacts", "form-keeps-contacts", Widget::Flag).shown(Shown::EditStandard),
        ],
    ),
    folded("form-group-questions", &[field("/muster:questions", "form-question", Widget::Rows(QUESTION))]),
    PAGE,
    PRIVACY,
];

const SESSION: &[Field] = &[
    field("/title", "form-title", Widget::Line),
    field("/start_date", "form-starts", Widget::Moment),
    field("/end_date", "form-ends", Widget::Moment),
    field("/rrule", "form-repeats", Widget::Line).hint("form-repeats-hint"),
];
const CONTACT: &[Field] = &[
    field("/name", "console-col-who", Widget::Line),
    field("/email", "console-email", Widget::Line),
    field("/phone", "import-field-phone", Widget::Line),
];
const EVENT_KINDS: Choices = Choices::Fixed(
    "event-kind-",
    &["rally", "march", "assembly", "vigil", "workshop", "training", "camp", "delivery", "meeting", "picnic", "other"],
);
const EVENT: &[Group] = &[
    group(
        "",
        &[
            TITLE,
            LANGUAGE,
            CAMPAIGN,
            field("/muster:kind", "form-event-kind", Widget::Choice(EVENT_KINDS)).initial("other"),
            field("/timezone_identifier", "console-mail-zone", Widget::Choice(Choices::Zones))
                .initial("America/Toronto"),
            field("/start_date", "form-starts", Widget::Moment),
            field("/end_date", "form-ends", Widget::Moment).hint("form-ends-hint"),
            field(
                "/muster:format",
                "form-format",
                Widget::Choice(Choices::Fixed("form-format-", &["in_person", "online", "hybrid"])),
            )
            .initial("in_person"),
            SUMMARY,
            DESCRIPTION,
        ],
    ),
    group(
        "form-group-place",
        &[
            field("/location/venue", "form-venue", Widget::Line),
            field("/location/address_lines", "form-address", Widget::Lines),
            field("/location/locality", "import-field-city", Widget::Line),
            field("/location/region", "form-region", Widget::Line).hint("form-region-hint"),
            field("/location/postal_code", "import-field-postal-code", Widget::Line),
            field("/location/country", "import-field-country", Widget::Line).hint("form-country-hint"),
            field("/muster:map_url", "form-map", Widget::Line).hint("form-map-hint"),
        ],
    ),
    group(
        "form-group-registration",
        &[
            field("/capacity", "form-capacity", Widget::Number).hint("form-capacity-hint"),
            field("/muster:waitlist", "form-waitlist", Widget::Flag).initial("true"),
            field("/muster:waitlist_smaller_parties", "form-waitlist-smaller", Widget::Flag),
            field("/instructions", "form-instructions", Widget::Text).hint("form-instructions-hint"),
            field("/muster:reminders", "form-reminders", Widget::Numbers)
                .initial("1440, 60")
                .hint("form-reminders-hint"),
            field("/muster:follow_up", "form-follow-up", Widget::Text).hint("form-follow-up-hint"),
            field("/muster:accessibility", "form-accessibility", Widget::Text).hint("form-accessibility-hint"),
            field("/muster:interpretation", "form-interpretation", Widget::Lines).hint("form-interpretation-hint"),
        ],
    ),
    folded("form-group-programme", &[field("/muster:sessions", "form-session", Widget::Rows(SESSION))]),
    folded("form-group-contacts", &[field("/muster:contacts", "form-contact", Widget::Rows(CONTACT))]),
    SCHEDULE,
    PAGE,
    PRIVACY,
];

const TEMPLATE: &[Field] = &[
    field("/locale", "form-language", Widget::Choice(Choices::Languages)),
    field("/subjects", "form-letter-subjects", Widget::Lines).hint("form-letter-subjects-hint"),
    field("/body", "form-letter-body", Widget::Text).hint("form-letter-body-hint"),
];
const LETTER: &[Group] = &[
    group(
        "",
        &[
            TITLE,
            LANGUAGE,
            CAMPAIGN,
            SUMMARY,
            field("/muster:targets", "form-offices", Widget::Many(super::OFFICES)).hint("form-offices-hint"),
            DESCRIPTION,
        ],
    ),
    group(
        "form-group-letter",
        &[
            field("/muster:letters", "form-letter-text", Widget::Rows(TEMPLATE)),
            field("/muster:editable", "form-editable", Widget::Flag).initial("true"),
            field("/muster:live", "form-live", Widget::Flag)
                .hint("form-live-hint")
                .shown(Shown::Edit)
                .needs(Scope::LettersGolive),
        ],
    ),
    SCHEDULE,
    PAGE,
    PRIVACY,
];

const CALL: &[Group] = &[
    group(
        "",
        &[
            TITLE,
            LANGUAGE,
            CAMPAIGN,
            SUMMARY,
            field("/muster:targets", "form-offices", Widget::Many(super::OFFICES)).hint("form-call-offices-hint"),
            field("/muster:script", "form-script", Widget::Text)
                .hint("form-script-hint")
                .in_languages("/muster:texts/*/body"),
            DESCRIPTION,
        ],
    ),
    SCHEDULE,
    PAGE,
    PRIVACY,
];

/// The forms to create and to edit one kind of action.
macro_rules! editors {
    ($kind:literal, $collection:literal, $new:literal, $edit:literal, $groups:expr) => {
        [
            Form {
                address: concat!("/console/", $kind, "/new"),
                title: $new,
                hint: "form-draft-hint",
                button: "form-create",
                path: concat!("/api/v1/", $collection),
                then: concat!("/console/", $kind, "/{new}"),
                back: concat!("/console/", $kind),
                groups: $groups,
                ..FORM
            },
            Form {
                address: concat!("/console/", $kind, "/{id}/edit"),
                title: $edit,
                method: "PUT",
                path: concat!("/api/v1/", $collection, "/{id}"),
                reads: concat!("/api/v1/", $collection, "/{id}"),
                then: concat!("/console/", $kind, "/{id}"),
                back: concat!("/console/", $kind, "/{id}"),
                links: &[(concat!("/console/", $kind, "/{id}/image"), "console-picture")],
                groups: $groups,
                ..FORM
            },
        ]
    };
}

const PETITION_FORMS: [Form; 2] = editors!("petitions", "petitions", "new-petition", "edit-petition", PETITION);
const EVENT_FORMS: [Form; 2] = editors!("events", "events", "new-event", "edit-event", EVENT);
const LETTER_FORMS: [Form; 2] = editors!("letters", "advocacy_campaigns", "new-letter", "edit-letter", LETTER);
const CALL_FORMS: [Form; 2] = editors!("calls", "phone_campaigns", "new-call", "edit-call", CALL);

/// Any state that can be set; the API knows which follows from which.
const STATES: Choices = Choices::Fixed(
    "state-",
    &[
        State::Draft.as_str(),
        State::Published.as_str(),
        State::Paused.as_str(),
        State::Closed.as_str(),
        State::Won.as_str(),
        State::Lost.as_str(),
        State::Cancelled.as_str(),
        State::Archived.as_str(),
    ],
);

pub(super) const FORMS: &[Form] = &[
    PETITION_FORMS[0],
    PETITION_FORMS[1],
    EVENT_FORMS[0],
    EVENT_FORMS[1],
    LETTER_FORMS[0],
    LETTER_FORMS[1],
    CALL_FORMS[0],
    CALL_FORMS[1],
    Form {
        address: "/console/{kind}/{id}/status",
        title: "console-status",
        method: "PUT",
        path: "/api/v1/{collection}/{id}",
        reads: "/api/v1/{collection}/{id}",
        then: "/console/{kind}/{id}#status",
        back: "/console/{kind}/{id}",
        groups: &[group(
            "",
            &[
                field("/muster:status", "console-col-state", Widget::Choice(STATES)).required(),
                field("/muster:status_reason", "console-public-note", Widget::Line),
                field("/muster:opens_at", "form-opens", Widget::Moment).hint("form-opens-hint"),
                field("/muster:closes_at", "form-closes", Widget::Moment).hint("form-closes-hint"),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/{kind}/{id}/image",
        title: "console-picture",
        hint: "console-picture-consent",
        button: "console-upload",
        path: "/api/v1/images",
        then: "/console/{kind}/{id}",
        back: "/console/{kind}/{id}",
        sets: Some(("/api/v1/{collection}/{id}", "muster:image")),
        groups: IMAGE,
        ..FORM
    },
    Form {
        address: "/console/{kind}/{id}/short-links/new",
        title: "form-short-link",
        button: "console-add",
        path: "/api/v1/{collection}/{id}/short_links",
        then: "/console/{kind}/{id}#links",
        back: "/console/{kind}/{id}#links",
        groups: &[group("", &[field("/word", "console-short-link", Widget::Line).required().hint("form-word-hint")])],
        ..FORM
    },
    Form {
        address: "/console/events/{id}/registrations/new",
        title: "form-registration-new",
        hint: "form-registration-new-hint",
        button: "console-add",
        path: "/api/v1/events/{id}/attendances",
        then: "/console/events/{id}#registrations",
        back: "/console/events/{id}#registrations",
        scope: Scope::ContactsWrite,
        groups: &[group(
            "",
            &[
                field("/person/given_name", "import-field-given-name", Widget::Line).required(),
                field("/person/family_name", "import-field-family-name", Widget::Line),
                field("/person/email_addresses/0/address", "console-email", Widget::Line).required(),
                field("/muster:party_size", "form-party-size", Widget::Number).initial("1"),
                field("/muster:access_needs", "form-access-needs", Widget::Word),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/events/{id}/registrations/{attendance}",
        title: "form-registration",
        method: "PUT",
        path: "/api/v1/events/{id}/attendances/{attendance}",
        reads: "/api/v1/events/{id}/attendances/{attendance}",
        then: "/console/events/{id}#registrations",
        back: "/console/events/{id}#registrations",
        scope: Scope::ContactsWrite,
        removes: ("/api/v1/events/{id}/attendances/{attendance}", "form-registration-cancel"),
        groups: &[group(
            "",
            &[
                field("/muster:party_size", "form-party-size", Widget::Number),
                field("/muster:access_needs", "form-access-needs", Widget::Line),
                field("/muster:may_join", "form-may-join", Widget::Flag),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/events/{id}/joining",
        title: "form-joining",
        hint: "form-joining-hint",
        method: "PUT",
        path: "/api/v1/events/{id}/joining",
        reads: "/api/v1/events/{id}/joining",
        then: "/console/events/{id}#joining",
        back: "/console/events/{id}#joining",
        removes: ("/api/v1/events/{id}/joining", "form-joining-remove"),
        groups: &[group(
            "",
            &[
                // empty, they stay as they are
                field("/muster:join_url", "form-join-url", Widget::Word).hint("form-join-url-hint"),
                field("/muster:interpretation_url", "form-join-interpretation", Widget::Word),
                field("/muster:dial_in", "form-join-dial-in", Widget::Word),
                field("/muster:note", "form-join-note", Widget::Text),
                field("/muster:opens_minutes", "form-join-opens", Widget::Number),
            ],
        )],
        ..FORM
    },
];

/// The fields of an image's upload; the file comes last, so that the request is known when it begins.
pub(super) const IMAGE: &[Group] = &[group(
    "",
    &[
        field("?alt", "console-alt", Widget::Line).required(),
        field("#file", "console-file-picture", Widget::File("image/jpeg,image/png,image/webp")).required(),
    ],
)];
