//! People.

use super::{
    super::{
        Form,
        field::{Choices, Widget, field, folded, group},
    },
    FORM,
};
use crate::organizers::Scope;

/// Forms about people need this.
const PEOPLE: Form = Form { scope: Scope::ContactsWrite, ..FORM };

pub(super) const FORMS: &[Form] = &[
    Form {
        address: "/console/people/new",
        title: "form-person-new",
        hint: "form-person-new-hint",
        button: "console-add",
        path: "/api/v1/people",
        then: "/console/people",
        back: "/console/people",
        groups: &[group(
            "",
            &[
                field("/person/given_name", "import-field-given-name", Widget::Line),
                field("/person/family_name", "import-field-family-name", Widget::Line),
                field("/person/email_addresses/0/address", "console-email", Widget::Line).required(),
                field("/person/preferred_language", "import-field-language", Widget::Choice(Choices::Languages)),
                field("/add_tags", "form-tags", Widget::Lines).hint("form-lines-hint"),
            ],
        )],
        ..PEOPLE
    },
    Form {
        address: "/console/people/{id}/edit",
        title: "form-person-edit",
        method: "PUT",
        path: "/api/v1/people/{id}",
        reads: "/api/v1/people/{id}",
        then: "/console/people/{id}",
        back: "/console/people/{id}",
        groups: &[
            group(
                "",
                &[
                    field("/given_name", "import-field-given-name", Widget::Word),
                    field("/family_name", "import-field-family-name", Widget::Word),
                    field("/preferred_language", "import-field-language", Widget::Choice(Choices::Languages)),
                    field("/languages_spoken", "form-languages-spoken", Widget::Lines).hint("form-lines-hint"),
                ],
            ),
            folded(
                "form-group-address",
                &[
                    field("/postal_addresses/0/locality", "import-field-city", Widget::Word),
                    field("/postal_addresses/0/region", "form-region", Widget::Word).hint("form-region-hint"),
                    field("/postal_addresses/0/postal_code", "import-field-postal-code", Widget::Word),
                    field("/postal_addresses/0/country", "import-field-country", Widget::Word)
                        .hint("form-country-hint"),
                ],
            ),
        ],
        ..PEOPLE
    },
    Form {
        address: "/console/people/{id}/delete",
        title: "form-person-delete",
        hint: "form-person-delete-hint",
        button: "form-person-delete",
        method: "DELETE",
        path: "/api/v1/people/{id}",
        reads: "/api/v1/people/{id}",
        then: "/console/people",
        back: "/console/people/{id}",
        groups: &[group(
            "",
            &[field("#confirm", "form-confirm", Widget::Confirm).hint("form-confirm-hint").required()],
        )],
        ..PEOPLE
    },
];
