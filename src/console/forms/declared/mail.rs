//! Email updates, and the settings of the mail queue.

use super::{
    super::{
        Form,
        field::{Choices, Group, Widget, field, folded, group},
    },
    FORM, SOURCES,
};
use crate::organizers::Scope;

const BROADCAST: &[Group] = &[
    group(
        "",
        &[
            field("", "console-subject", Widget::Line).required().in_languages("/muster:texts/*/subject"),
            field("", "console-text", Widget::Text)
                .required()
                .hint("form-broadcast-text-hint")
                .in_languages("/muster:texts/*/body"),
        ],
    ),
    group(
        "console-recipients",
        &[
            field("/muster:audience/actions", "form-audience-actions", Widget::Many(Choices::Actions)),
            field("/muster:audience/tags", "console-audience-tags", Widget::Lines),
        ],
    ),
    folded(
        "form-group-audience",
        &[
            field("/muster:audience/locales", "form-audience-locales", Widget::Many(Choices::Languages)),
            field("/muster:audience/regions", "console-audience-regions", Widget::Lines),
            field("/muster:audience/sources", "form-audience-sources", Widget::Many(SOURCES)),
            field("/muster:locale", "form-broadcast-language", Widget::Choice(Choices::Languages)),
        ],
    ),
];

/// Forms about mail need this.
const MAIL: Form = Form { scope: Scope::MailManage, ..FORM };

pub(super) const FORMS: &[Form] = &[
    Form {
        address: "/console/broadcasts/new",
        title: "new-broadcast",
        hint: "console-broadcasts-hint",
        button: "console-broadcast-save-draft",
        path: "/api/v1/broadcasts",
        then: "/console/broadcasts/{new}",
        back: "/console/broadcasts",
        groups: BROADCAST,
        ..MAIL
    },
    Form {
        address: "/console/broadcasts/{id}/edit",
        title: "edit-broadcast",
        method: "PUT",
        path: "/api/v1/broadcasts/{id}",
        reads: "/api/v1/broadcasts/{id}",
        then: "/console/broadcasts/{id}",
        back: "/console/broadcasts/{id}",
        groups: BROADCAST,
        ..MAIL
    },
    Form {
        address: "/console/broadcasts/{id}/send",
        title: "form-broadcast-send",
        hint: "form-broadcast-send-hint",
        button: "console-broadcast-send",
        path: "/api/v1/broadcasts/{id}/send",
        reads: "/api/v1/broadcasts/{id}",
        then: "/console/broadcasts/{id}",
        back: "/console/broadcasts/{id}",
        counts: Some(("/muster:recipients", "console-broadcast-recipients")),
        groups: &[group("", &[field("/at", "form-broadcast-at", Widget::Moment).hint("form-broadcast-at-hint")])],
        ..MAIL
    },
    Form {
        address: "/console/mail/first-contacts",
        title: "form-first-contacts",
        hint: "form-first-contacts-hint",
        method: "PUT",
        path: "/api/v1/mail/first_contacts",
        then: "/console/mail",
        back: "/console/mail",
        groups: &[group("", &[field("/per_hour", "form-per-hour", Widget::Number)])],
        ..MAIL
    },
    Form {
        address: "/console/mail/mailboxes/{lane}",
        title: "form-mailbox",
        method: "PUT",
        path: "/api/v1/mail/lanes/{lane}",
        reads: "/api/v1/mail/summary",
        picks: Some(("muster:lanes", "lane")),
        then: "/console/mail#lanes",
        back: "/console/mail#lanes",
        nullable: &["/hours"],
        groups: &[group(
            "",
            &[
                field("/rate_per_hour", "console-mail-rate", Widget::Number).required(),
                field("/burst", "console-mail-burst", Widget::Number).required(),
                field("/paused", "form-paused", Widget::Flag),
                field("/hours/opens_at", "console-mail-from", Widget::Line),
                field("/hours/closes_at", "console-mail-until", Widget::Line),
                field("/hours/timezone", "console-mail-zone", Widget::Choice(Choices::Zones)),
            ],
        )],
        ..MAIL
    },
    Form {
        address: "/console/mail/relays/{relay}",
        title: "form-relay",
        hint: "console-mail-relays-hint",
        method: "PUT",
        path: "/api/v1/mail/relays/{relay}",
        reads: "/api/v1/mail/summary",
        picks: Some(("muster:relays", "relay")),
        then: "/console/mail#relays",
        back: "/console/mail#relays",
        groups: &[group("", &[field("/rate_per_hour", "form-per-hour", Widget::Number)])],
        ..MAIL
    },
    Form {
        address: "/console/mail/unsuppress",
        title: "form-unsuppress",
        hint: "form-unsuppress-hint",
        button: "form-unsuppress",
        path: "/api/v1/mail/unsuppress",
        then: "/console/mail",
        back: "/console/mail",
        groups: &[group("", &[field("/address", "console-email", Widget::Line).required()])],
        ..MAIL
    },
];
