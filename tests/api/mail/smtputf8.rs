//! Addresses with other letters than ASCII before the @, which only some relays take.

use muster::{
    config::{Smtputf8, Transport},
    kernel::background::Jobs,
    mail::{self, Class},
};
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    api::mail::queue::{MailHarness, harness},
    harness::{TestApp, signer},
    process::until,
    smtp_sink::Behaviour,
};

const SIGN: &str = "/api/v1/petitions/status/signatures";

async fn knows(harness: &MailHarness) -> Option<bool> {
    sqlx::query_scalar("SELECT smtputf8 FROM mail_relays").fetch_optional(&harness.kernel.db).await.expect("relays")?
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn what_relays_offer_is_learned_by_every_process(db: PgPool) {
    let address = muster::kernel::text::EmailAddress::parse("josé@example.org").expect("an address");
    let (first, sink) = harness(db, Behaviour::accept()).await;
    for offers in [false, true] {
        sink.change(|behaviour| behaviour.smtp_utf8 = offers);
        let house = first.with(|_| {});
        assert!(house.kernel.utf8_addresses.check(&address).is_err(), "nothing is known yet");
        let before = sink.messages().len();
        house.queue(Class::Notice, "ana@example.org").await;
        let cancel = CancellationToken::new();
        let engine = tokio::spawn(house.engine().run(cancel.clone()));
        until("the mail", async || (sink.messages().len() > before).then_some(())).await;
        cancel.cancel();
        engine.await.expect("an engine");
        assert_eq!(knows(&house).await, Some(offers));

        // another process, which sends nothing
        let (other, cancel) = (house.with(|_| {}), CancellationToken::new());
        let mut jobs = Jobs::new(other.kernel.clone());
        mail::register_process_jobs(&other.kernel, &mut jobs);
        let running = tokio::spawn(jobs.run(cancel.clone()));
        if offers {
            until("what relays offer", async || other.kernel.utf8_addresses.check(&address).ok()).await;
        } else {
            assert!(other.kernel.utf8_addresses.check(&address).is_err());
        }
        cancel.cancel();
        running.await.expect("jobs");
    }
    let fixed = |setting| first.with(|settings| settings.mail.smtputf8 = setting).kernel;
    assert!(fixed(Smtputf8::On).utf8_addresses.check(&address).is_ok());
    assert!(fixed(Smtputf8::Off).utf8_addresses.check(&address).is_err());
    let files = first.with(|settings| settings.mail.transport = Transport::Mailbox).kernel;
    assert!(files.utf8_addresses.check(&address).is_ok());
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn address_that_no_relay_takes_is_refused_where_it_is_typed(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    app.kernel.utf8_addresses.set(false);
    for address in ["josé@example.org", "ਸਿਮਰਨ@example.org", "مريم@example.org"] {
        for token in [None, Some(token.as_str())] {
            let problem = app.post(SIGN, token, &signer(address)).await.expect(422);
            assert_eq!(problem["errors"][0]["code"], "unsupported_email", "{address}: {problem}");
            assert!(problem["errors"][0]["pointer"].as_str().unwrap().ends_with("/email_addresses/0/address"));
        }
        let person = json!({"person": {"email_addresses": [{"address": address}]}});
        let problem = app.post("/api/v1/people", Some(&token), &person).await.expect(422);
        assert_eq!(problem["errors"][0]["code"], "unsupported_email", "{address}: {problem}");
        let form = [("given_name", "Amara"), ("family_name", "Okafor"), ("email", address), ("country", "CA")];
        let page = app.form("/p/status?lang=fr", &form).await;
        assert_eq!(page.status, 422);
        assert!(page.text().contains("avant le @"), "{}", page.text());
    }
    assert_eq!(app.count("SELECT count(*) FROM signatures").await, 0);
    app.kernel.utf8_addresses.set(true);
    app.post(SIGN, None, &signer("josé@example.org")).await.expect(202);
}
