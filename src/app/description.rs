//! What holds for every operation of the OpenAPI document, said once: how to authenticate, and what an error looks
//! like. Examples are added by `examples`.

use axum::http::StatusCode;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::examples;
use crate::error::ProblemBody;

/// OSDI's header.
const TOKEN: &str = "osdi_api_token";
/// RFC 6750.
const BEARER: &str = "bearer";

/// The cookie of a session of the console, with a request of the console's own origin.
const SESSION: &str = "console_session";

/// What operations are grouped by.
const TAGS: [(&str, &str); 22] = [
    ("accounts", "Organizers, invitations, the own profile with its sessions, and API tokens."),
    ("advocacy_campaigns", "Letter actions and the letters that people write (OSDI outreaches)."),
    (
        "phone_campaigns",
        "Call actions (OSDI advocacy campaigns of `type: phone`) and the calls that people make (OSDI outreaches).",
    ),
    ("attendances", "Registrations for events."),
    ("audit", "What organizers and tokens did."),
    ("broadcasts", "Email updates to those who agreed."),
    ("campaigns", "Groups of actions with a landing page."),
    ("entry", "The API entry point and its description."),
    ("events", "Rallies, assemblies and other events."),
    ("exports", "Lists as CSV, JSON Lines and XLSX files."),
    ("images", "Pictures of actions, campaigns and updates."),
    ("imports", "Files of signers."),
    ("integrity", "Spam protection: limits and allowances."),
    ("saved_filters", "Filters of lists that are kept under a name."),
    ("mail", "The mail queue, its pauses, rate limits, relays and bounces."),
    ("offices", "Offices that letters and calls go to, and the officials who hold them."),
    ("people", "The organization's contacts."),
    ("retention", "When the data of those who took part ends, and ending it at once."),
    ("petitions", "Petitions, their counts, deliveries, paper signatures, previews and short links."),
    ("signatures", "Signatures of a petition, and their invalidation in bulk."),
    ("sources", "Words that say where people come from, and consent boxes of partners."),
    ("updates", "News of a campaign."),
];

/// Completes a document that was made from the routes. Operations that do not say who may call them need a token.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(TOKEN, SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("OSDI-API-Token"))));
    components
        .add_security_scheme(BEARER, SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    components.add_security_scheme(
        SESSION,
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-muster_session"))),
    );
    components.schemas.insert(ProblemBody::name().into(), ProblemBody::schema());
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let tags = TAGS.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build());
    document.tags = Some(tags.to_vec());
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        operations.into_iter().flatten().for_each(complete_operation);
    }
    examples::insert(&mut document);
    document
}

fn complete_operation(operation: &mut Operation) {
    let required = || vec![requirement(TOKEN), requirement(BEARER)];
    operation.security.get_or_insert_with(required);
    let problem = || {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
        ("application/problem+json", content)
    };
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty()
            && let Some(reason) = StatusCode::from_bytes(status.as_bytes()).ok().and_then(|s| s.canonical_reason())
        {
            reason.clone_into(&mut response.description);
        }
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let (kind, content) = problem();
            response.content.insert(kind.to_owned(), RefOr::T(content));
        }
    }
    let (kind, content) = problem();
    let other: Response = ResponseBuilder::new().description("A problem (RFC 9457).").content(kind, content).build();
    operation.responses.responses.entry("default".to_owned()).or_insert(RefOr::T(other));
}

fn requirement(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new::<_, [&str; 0], &str>(scheme, [])
}
