//! Settings of the organization.

use super::{
    super::{
        Form,
        field::{Widget, field, group},
    },
    FORM, PARTNERS,
};

pub(super) const FORMS: &[Form] = &[
    Form {
        address: "/console/spam",
        title: "console-spam-protection",
        hint: "console-spam-protection-hint",
        method: "PUT",
        path: "/api/v1/integrity",
        reads: "/api/v1/integrity",
        then: "/console/spam",
        back: "/console/settings",
        links: &[("/console/spam/allowlist", "console-allowlist")],
        groups: &[group(
            "",
            &[
                field("/muster:per_network_hour", "console-per-network", Widget::Number).required(),
                field("/muster:per_domain_hour", "console-per-domain", Widget::Number).required(),
                field("/muster:least_form_seconds", "console-min-form-seconds", Widget::Number).required(),
                field("/muster:signing_paused", "console-signing-paused", Widget::Flag),
                field("/muster:breakdowns_paused", "console-breakdowns-paused", Widget::Flag),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/spam/allowlist/new",
        title: "console-allowlist",
        hint: "console-allowlist-hint",
        button: "console-add",
        path: "/api/v1/integrity/allowances",
        then: "/console/spam/allowlist",
        back: "/console/spam/allowlist",
        groups: &[group(
            "",
            &[
                field("/domain", "console-bulk-domain", Widget::Word).hint("form-allow-hint"),
                field("/network", "console-network", Widget::Word).hint("form-network-hint"),
                field("/note", "console-note", Widget::Line),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/sources/new",
        title: "console-source-new",
        hint: "form-source-hint",
        button: "console-add",
        path: "/api/v1/sources",
        then: "/console/sources",
        back: "/console/sources",
        groups: &[group(
            "",
            &[
                field("/word", "console-bulk-source", Widget::Line).required().hint("form-word-hint"),
                field("/muster:partner", "form-partner", Widget::Choice(PARTNERS)),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/partners/new",
        title: "form-partner-new",
        hint: "form-partner-hint",
        button: "console-add",
        path: "/api/v1/partners",
        then: "/console/partners",
        back: "/console/partners",
        groups: &[group(
            "",
            &[
                field("/name", "form-partner-name", Widget::Line).required(),
                field("", "form-partner-wording", Widget::Text)
                    .required()
                    .hint("form-partner-wording-hint")
                    .in_languages("/muster:wording/*"),
                field("/muster:slug", "form-slug", Widget::Word).hint("form-word-hint"),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/organization",
        title: "organization-title",
        hint: "organization-hint",
        method: "PUT",
        path: "/api/v1/organization",
        reads: "/api/v1/organization",
        then: "/console/organization",
        back: "/console/settings",
        groups: &[group(
            "",
            &[field("/postal_address", "organization-address", Widget::Text).hint("organization-address-hint")],
        )],
        ..FORM
    },
    Form {
        address: "/console/retention/months",
        title: "console-retention-default",
        hint: "console-retention-default-hint",
        method: "PUT",
        path: "/api/v1/retention",
        reads: "/api/v1/retention",
        then: "/console/retention#default",
        back: "/console/retention",
        groups: &[group(
            "",
            &[field("/muster:retention_months", "console-retention-months", Widget::Number).required()],
        )],
        ..FORM
    },
];
