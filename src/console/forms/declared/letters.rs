//! Offices, which letters and calls go to, and the officials who hold them.

use super::{
    super::{
        Form,
        field::{Choices, Field, Shown, Widget, field, folded, group},
    },
    FORM, OFFICES,
};
use crate::letters::OfficeDay;

const HOURS: &[Field] = &[
    field("/days", "form-days", Widget::Many(Choices::Fixed("office-day-", OfficeDay::NAMES))),
    field("/opens", "form-office-opens", Widget::Line).hint("form-office-opens-hint"),
    field("/closes", "form-office-closes", Widget::Line),
];
const OFFICE: &[Field] = &[
    field("/title", "form-office-title", Widget::Line)
        .required()
        .hint("form-office-title-hint")
        .in_languages("/muster:texts/*/title"),
    field("/muster:locale", "form-language", Widget::Choice(Choices::Languages)),
    field("/muster:mailboxes", "form-mailboxes", Widget::Lines).hint("form-mailboxes-hint"),
    field("/muster:holder/honorific_prefix", "form-honorific", Widget::Line).hint("form-honorific-hint"),
    field("/muster:holder/given_name", "form-holder-given-name", Widget::Line),
    field("/muster:holder/family_name", "form-holder-family-name", Widget::Line).hint("form-holder-hint"),
    field("/muster:phone", "form-office-phone", Widget::Line).hint("form-office-phone-hint"),
    field("/muster:hours/timezone_identifier", "console-mail-zone", Widget::Choice(Choices::Zones)),
    field("/muster:hours/periods", "form-hours", Widget::Rows(HOURS)).hint("form-hours-hint"),
    field("/muster:slug", "form-slug", Widget::Word).shown(Shown::New),
];

pub(super) const FORMS: &[Form] = &[
    Form {
        address: "/console/offices/new",
        title: "new-office",
        hint: "form-office-hint",
        button: "form-create",
        path: "/api/v1/offices",
        then: "/console/offices",
        back: "/console/offices",
        nullable: &["/muster:holder"],
        groups: &[group("", OFFICE)],
        ..FORM
    },
    Form {
        address: "/console/offices/{id}",
        title: "edit-office",
        hint: "form-office-hint",
        method: "PUT",
        path: "/api/v1/offices/{id}",
        reads: "/api/v1/offices/{id}",
        then: "/console/offices",
        back: "/console/offices",
        nullable: &["/muster:holder"],
        groups: &[group("", OFFICE)],
        ..FORM
    },
    Form {
        address: "/console/officials/new",
        title: "form-official",
        hint: "form-official-hint",
        button: "console-add",
        path: "/api/v1/officials",
        then: "/console/offices",
        back: "/console/offices",
        nullable: &["/muster:term"],
        groups: &[
            group(
                "",
                &[
                    field("/honorific_prefix", "form-honorific", Widget::Line).hint("form-honorific-hint"),
                    field("/given_name", "import-field-given-name", Widget::Line),
                    field("/family_name", "import-field-family-name", Widget::Line).required(),
                    field("/muster:office", "form-office", Widget::Choice(OFFICES)),
                ],
            ),
            folded(
                "form-group-term",
                &[
                    field("/muster:term/start_date", "form-term-start", Widget::Day),
                    field("/muster:term/end_date", "form-term-end", Widget::Day),
                ],
            ),
        ],
        ..FORM
    },
];
