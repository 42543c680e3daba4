//! The page at the door of an event in real browsers, while the server is away.

use chrono::TimeDelta;
use muster::kernel::env::Env;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::browser::Browser;
use crate::{
    harness::signer,
    process::{Installation, Server, until},
};

/// A browser whose reader has signed in and opened the page, which has kept itself.
async fn device(server: &Server, page: &str) -> Browser {
    let mut browser = Browser::start().await;
    browser.open(&format!("http://{}/console/sign-in", server.http)).await;
    let sign_in = "document.querySelector('[name=email]').value = 'owner@example.org';
                   document.querySelector('[name=password]').value = 'a long password';
                   document.querySelector('main form button').click(); true";
    assert_eq!(browser.value(sign_in).await, Some(json!(true)));
    browser.wait_for("location.pathname === '/console' && document.readyState === 'complete'").await;
    browser.open(page).await;
    browser.wait_for("document.querySelector('[data-door]').dataset.kept === 'true'").await;
    browser.wait_for("navigator.serviceWorker.controller !== null").await;
    browser.wait_for("document.querySelector('[data-waiting]').dataset.count === '0'").await;
    assert_eq!(browser.complaints, Vec::<String>::new());
    browser
}

async fn scan(browser: &mut Browser, code: &str, said: &str) {
    let typed = format!(
        "document.querySelector('[data-code]').value = {}; document.querySelector('[data-form]').requestSubmit(); true",
        json!(code)
    );
    assert_eq!(browser.value(&typed).await, Some(json!(true)));
    browser.wait_for(&format!("document.querySelector('[data-status]').textContent.startsWith({})", json!(said))).await;
}

async fn number(browser: &mut Browser, name: &str) -> String {
    let text = browser.value(&format!("document.querySelector('[data-{name}]').textContent")).await.unwrap();
    text.as_str().unwrap().to_owned()
}

/// The codes of the tickets that were mailed, once there are so many.
async fn mailed_codes(server: &Server, many: usize) -> Vec<String> {
    until("the mailed tickets", async || {
        let list = server.get("/mailbox", None).await.text();
        let mut codes = Vec::new();
        for rest in list.split("href=\"/mailbox/").skip(1) {
            let mail = server.get(&format!("/mailbox/{}", rest.split('"').next().unwrap()), None).await.text();
            let code = mail.split("show at the door: ").nth(1).and_then(|rest| rest.get(..14));
            codes.extend(code.map(str::to_owned));
        }
        codes.sort();
        codes.dedup();
        (codes.len() == many).then_some(codes)
    })
    .await
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn tickets_are_checked_in_without_a_network_by_two_devices(pool: PgPool) {
    let mut house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve"]).await;
    let t = Some(token.as_str());
    let start = (Env::system().now() + TimeDelta::days(7)).to_rfc3339();
    let event =
        json!({"title": "Assembly", "muster:slug": "assembly", "muster:status": "published", "start_date": start});
    let id = server.post("/api/v1/events", t, &event).await.id();
    for name in ["ana", "bo"] {
        let body = signer(&format!("{name}@example.org"));
        server.post("/api/v1/events/assembly/attendances", t, &body).await.expect(201);
    }
    let codes = mailed_codes(&server, 2).await;
    let page = format!("http://{}/console/events/{id}/door", server.http);
    let (mut first, mut second) = (device(&server, &page).await, device(&server, &page).await);
    let (address, admin) = (server.http, server.admin);
    server.kill().await;

    scan(&mut first, &codes[0].to_uppercase(), "Checked in: 1").await;
    scan(&mut first, &codes[0], "This ticket was checked in before.").await;
    scan(&mut first, "aaaa-bbbb-cccc", "This is no ticket of this event.").await;
    for _ in 0..3 {
        first.value("document.querySelector('[data-more]').click()").await;
    }
    // the tab is closed and opened again
    first.open("about:blank").await;
    first.open(&page).await;
    first.wait_for("document.querySelector('[data-present]').textContent === '4'").await;
    assert_eq!(number(&mut first, "own").await, "3");
    scan(&mut first, &codes[0], "This ticket was checked in before.").await;
    scan(&mut second, &codes[0], "Checked in: 1").await;
    scan(&mut second, &codes[1], "Checked in: 1").await;
    second.value("document.querySelector('[data-more]').click()").await;
    let kept = first.value("JSON.stringify(localStorage)").await.unwrap().to_string();
    assert!(codes.iter().all(|code| !kept.contains(code.as_str())) && !kept.contains("Amara"), "{kept}");

    // the network is back
    house.set("MUSTER__HTTP__BIND", &address.to_string());
    house.set("MUSTER__ADMIN__BIND", &admin.to_string());
    house.set("MUSTER__HTTP__PUBLIC_URL", &format!("http://{address}"));
    let mut again = house.spawn(&["serve", "--role", "web"]);
    let online =
        "window.dispatchEvent(new Event('online')); document.querySelector('[data-waiting]').dataset.count === '0'";
    for browser in [&mut first, &mut second] {
        until("what was kept is sent", async || browser.value(online).await.filter(|is| is == true)).await;
    }
    first
        .wait_for(
            "window.dispatchEvent(new Event('online')); document.querySelector('[data-present]').textContent === '6'",
        )
        .await;
    let door: Value = {
        let reply =
            crate::process::json_exchange(address, "GET", &format!("/api/v1/events/{id}/door"), t, &Value::Null).await;
        reply.unwrap().expect(200)
    };
    assert_eq!((&door["checked_in"], &door["walk_ins"], &door["unknown"]), (&json!(2), &json!(4), &json!([])));
    again.kill().await.unwrap();
}
