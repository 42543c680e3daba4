//! What belongs to one petition: bulk review, imports, paper, deliveries.

use super::{
    super::{
        Form,
        field::{Choices, Field, Widget, field, group},
    },
    EVENTS, FORM, SOURCES,
    actions::IMAGE,
};
use crate::{organizers::Scope, petitions::PetitionDeliveryStatus};

const DELIVERY: &[Field] = &[
    field("/date", "delivery-date", Widget::Day).required(),
    field("/place", "delivery-place", Widget::Line),
    field("/received_by", "delivery-received-by", Widget::Line),
    field("/muster:event", "delivery-event", Widget::Choice(EVENTS)),
    field(
        "/muster:status",
        "console-col-state",
        Widget::Choice(Choices::Fixed("delivery-", PetitionDeliveryStatus::NAMES)),
    )
    .initial(PetitionDeliveryStatus::Planned.as_str()),
    field("/note", "console-note", Widget::Text),
];
const COLUMN: Widget = Widget::Choice(Choices::Columns);

/// Forms that decide about signatures.
const DECISION: Form = Form { scope: Scope::ContactsWrite, ..FORM };

/// Encodings that can be asked for, as the API calls them.
const ENCODINGS: &[&str] = &["UTF-8", "UTF-16LE", "UTF-16BE", "windows-1252", "ISO-8859-15", "macintosh", "IBM850"];

pub(super) const FORMS: &[Form] = &[
    Form {
        address: "/console/petitions/{id}/reviews/new",
        title: "console-bulk",
        hint: "console-bulk-hint",
        button: "console-run",
        path: "/api/v1/petitions/{id}/invalidations",
        then: "/console/petitions/{id}#held",
        back: "/console/petitions/{id}#held",
        groups: &[group(
            "",
            &[
                field("/effect", "console-action", Widget::Choice(Choices::Fixed("effect-", &["invalidate", "release"])))
                    .initial("invalidate"),
                field("/rule/domain", "console-bulk-domain", Widget::Word),
                field("/rule/name", "console-bulk-name", Widget::Word),
                field("/rule/country", "console-bulk-country", Widget::Word),
                field("/rule/source", "console-bulk-source", Widget::Word),
                field("/rule/after", "form-bulk-after", Widget::Moment),
                field("/rule/before", "form-bulk-before", Widget::Moment),
                field("/rule/network_of", "console-bulk-network", Widget::Word),
                field("/reason", "console-reason", Widget::Line).required(),
                field("/dry_run", "form-dry-run", Widget::Flag).hint("form-dry-run-hint").initial("true"),
            ],
        )],
        tells: "muster:would_change",
        ..DECISION
    },
    Form {
        address: "/console/petitions/{id}/imports/new",
        title: "console-import",
        hint: "console-import-hint",
        button: "console-upload",
        path: "/api/v1/petitions/{id}/imports",
        then: "/console/petitions/{id}/imports/{new}",
        back: "/console/petitions/{id}#import",
        groups: &[group(
            "",
            &[
                field("?separator", "console-import-separator", Widget::Choice(Choices::Fixed("", &[",", ";", "tab", "|"])))
                    .hint("form-separator-hint"),
                field("?encoding", "console-import-encoding", Widget::Choice(Choices::Fixed("", ENCODINGS)))
                    .hint("form-separator-hint"),
                field(
                    "#file",
                    "console-file-csv",
                    Widget::File(
                        ".csv,.tsv,.txt,.xlsx,text/csv,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                    ),
                )
                .required(),
            ],
        )],
        ..DECISION
    },
    Form {
        address: "/console/petitions/{id}/imports/{import}",
        title: "console-mapping",
        hint: "form-mapping-hint",
        button: "console-run",
        path: "/api/v1/petitions/{id}/imports/{import}/start",
        reads: "/api/v1/petitions/{id}/imports?per_page=100",
        picks: Some(("muster:imports", "import")),
        then: "/console/petitions/{id}#import",
        back: "/console/petitions/{id}#import",
        groups: &[group(
            "",
            &[
                field("/mapping/email", "import-field-email", COLUMN).required(),
                field("/mapping/given_name", "import-field-given-name", COLUMN),
                field("/mapping/family_name", "import-field-family-name", COLUMN),
                field("/mapping/phone", "import-field-phone", COLUMN),
                field("/mapping/postal_code", "import-field-postal-code", COLUMN),
                field("/mapping/city", "import-field-city", COLUMN),
                field("/mapping/country", "import-field-country", COLUMN),
                field("/mapping/language", "import-field-language", COLUMN),
                field("/mapping/comments", "import-field-comments", COLUMN),
                field("/mapping/signed_on", "import-field-signed-on", COLUMN),
                field(
                    "/mapping/date_order",
                    "import-field-date-order",
                    Widget::Choice(Choices::Fixed("import-date-", &["day_first", "month_first"])),
                ),
                field("/mapping/consent_updates", "import-field-consent-updates", COLUMN),
                field("/consent_wording", "console-import-wording", Widget::Line),
                field("/source", "console-bulk-source", Widget::Choice(SOURCES)),
                field("/dry_run", "form-test-run", Widget::Flag).hint("form-test-run-hint"),
            ],
        )],
        ..DECISION
    },
    Form {
        address: "/console/petitions/{id}/paper/new",
        title: "console-paper",
        button: "console-add",
        path: "/api/v1/petitions/{id}/paper_batches",
        then: "/console/petitions/{id}#paper",
        back: "/console/petitions/{id}#paper",
        groups: &[group(
            "",
            &[
                field("/reference", "console-paper-reference", Widget::Line).required(),
                field("/sheets", "console-paper-sheets", Widget::Number).required(),
                field("/count", "delivery-signatures", Widget::Number).required(),
                field("/collected_on", "delivery-date", Widget::Day),
                field("/note", "console-note", Widget::Line),
            ],
        )],
        ..FORM
    },
    Form {
        address: "/console/petitions/{id}/deliveries/new",
        title: "console-deliveries",
        button: "console-add",
        path: "/api/v1/petitions/{id}/deliveries",
        then: "/console/petitions/{id}#deliveries",
        back: "/console/petitions/{id}#deliveries",
        groups: &[group("", DELIVERY)],
        ..FORM
    },
    Form {
        address: "/console/petitions/{id}/deliveries/{delivery}/edit",
        title: "console-deliveries",
        method: "PUT",
        path: "/api/v1/petitions/{id}/deliveries/{delivery}",
        reads: "/api/v1/petitions/{id}/deliveries?per_page=100",
        picks: Some(("muster:deliveries", "delivery")),
        then: "/console/petitions/{id}#deliveries",
        back: "/console/petitions/{id}#deliveries",
        links: &[("/console/petitions/{id}/deliveries/{delivery}/image", "console-picture")],
        groups: &[group("", DELIVERY)],
        ..FORM
    },
    Form {
        address: "/console/petitions/{id}/deliveries/{delivery}/image",
        title: "console-picture",
        hint: "console-picture-consent",
        button: "console-upload",
        path: "/api/v1/images",
        then: "/console/petitions/{id}#deliveries",
        back: "/console/petitions/{id}#deliveries",
        sets: Some(("/api/v1/petitions/{id}/deliveries/{delivery}", "muster:image")),
        groups: IMAGE,
        ..FORM
    },
];
