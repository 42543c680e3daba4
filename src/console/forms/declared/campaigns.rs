//! Campaigns and their updates.

use super::{
    super::{
        Form,
        field::{Choices, Field, Group, Widget, field, folded, group},
    },
    CAMPAIGNS, FORM,
    actions::IMAGE,
};
use crate::campaigns::CampaignState;

const CAMPAIGN: &[Group] = &[
    group(
        "",
        &[
            field("/title", "form-title", Widget::Line).required().in_languages("/muster:texts/*/title"),
            field("/muster:locale", "form-language", Widget::Choice(Choices::Languages)).hint("form-language-hint"),
            field("/muster:summary", "form-summary", Widget::Text)
                .hint("form-summary-hint")
                .in_languages("/muster:texts/*/summary"),
            field("/description", "form-description", Widget::Text)
                .hint("form-markdown-hint")
                .in_languages("/muster:texts/*/description"),
            field(
                "/muster:status",
                "console-col-state",
                Widget::Choice(Choices::Fixed("state-", CampaignState::NAMES)),
            )
            .initial(CampaignState::Published.as_str()),
        ],
    ),
    folded("form-group-page", &[field("/muster:slug", "form-slug", Widget::Word).hint("form-slug-hint")]),
];

const FIGURE: &[Field] = &[
    field("/series", "form-figure-series", Widget::Line),
    field("/value", "form-figure-value", Widget::Number),
    field("/unit", "form-figure-unit", Widget::Line),
];
const QUOTE: &[Field] = &[field("/text", "form-quote-text", Widget::Text), field("/by", "form-quote-by", Widget::Line)];
const UPDATE: &[Group] = &[
    group(
        "",
        &[
            field("/title", "form-title", Widget::Line).required().in_languages("/muster:texts/*/title"),
            field("/muster:campaign", "form-campaign", Widget::Choice(CAMPAIGNS)).required(),
            field(
                "/muster:kind",
                "form-update-kind",
                Widget::Choice(Choices::Fixed("update-kind-", &["news", "win", "deadline", "draw", "press", "story"])),
            )
            .initial("news"),
            field("/date", "delivery-date", Widget::Day),
            field("/body", "console-text", Widget::Text).hint("form-markdown-hint"),
        ],
    ),
    folded(
        "form-group-figures",
        &[
            field("/figures", "form-figure", Widget::Rows(FIGURE)),
            field("/source_url", "form-source-url", Widget::Line),
        ],
    ),
    folded(
        "form-group-press",
        &[
            field("/muster:media_contact", "form-media-contact", Widget::Line),
            field("/muster:quotes", "form-quote", Widget::Rows(QUOTE)),
            field("/muster:embargo_until", "form-embargo", Widget::Moment),
        ],
    ),
    folded(
        "form-group-story",
        &[
            field("/muster:pseudonym", "form-pseudonym", Widget::Line),
            field("/muster:consent/scope", "form-consent-scope", Widget::Line).hint("form-consent-scope-hint"),
            field("/muster:consent/given_on", "form-consent-day", Widget::Day),
        ],
    ),
];

pub(super) const FORMS: &[Form] = &[
    Form {
        address: "/console/campaigns/new",
        title: "new-campaign",
        hint: "form-campaign-hint",
        button: "form-create",
        path: "/api/v1/campaigns",
        then: "/console/campaigns/{new}",
        back: "/console/campaigns",
        groups: CAMPAIGN,
        ..FORM
    },
    Form {
        address: "/console/campaigns/{id}",
        title: "edit-campaign",
        method: "PUT",
        path: "/api/v1/campaigns/{id}",
        reads: "/api/v1/campaigns/{id}",
        then: "/console/campaigns/{id}",
        back: "/console/campaigns",
        removes: ("/api/v1/campaigns/{id}", "form-archive"),
        groups: CAMPAIGN,
        ..FORM
    },
    Form {
        address: "/console/updates/new",
        title: "new-update",
        hint: "form-update-hint",
        button: "form-publish",
        path: "/api/v1/updates",
        then: "/console/updates/{new}",
        back: "/console/updates",
        nullable: &["/muster:consent"],
        groups: UPDATE,
        ..FORM
    },
    Form {
        address: "/console/updates/{id}",
        title: "edit-update",
        method: "PUT",
        path: "/api/v1/updates/{id}",
        reads: "/api/v1/updates/{id}",
        then: "/console/updates/{id}",
        back: "/console/updates",
        removes: ("/api/v1/updates/{id}", "console-remove"),
        links: &[("/console/updates/{id}/image", "console-picture")],
        nullable: &["/muster:consent"],
        groups: UPDATE,
        ..FORM
    },
    Form {
        address: "/console/updates/{id}/image",
        title: "console-picture",
        hint: "console-picture-consent",
        button: "console-upload",
        path: "/api/v1/images",
        then: "/console/updates/{id}",
        back: "/console/updates/{id}",
        sets: Some(("/api/v1/updates/{id}", "muster:image")),
        groups: IMAGE,
        ..FORM
    },
];
