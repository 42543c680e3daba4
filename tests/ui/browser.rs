//! A real browser on a running server: what a policy forbids, what a script does and what a button sends, only a browser
//! knows. Chromium is driven through its `DevTools` protocol over a pipe (`--remote-debugging-pipe`), so no port is opened.
//!
//!
//! `scripts/setup.sh test` installs Chromium; without it these tests fail, since nothing else shows what they show.

use std::{path::PathBuf, process::Stdio, time::Duration};

use muster::kernel::env::Env;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::process::{Installation, until};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser with one tab.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    calls: u64,
    session: Option<String>,
    /// What the browser complained about: on the console, as exceptions, as breaches of the policy.
    pub complaints: Vec<String>,
    profile: PathBuf,
}

impl Browser {
    /// Starts one.
    pub async fn start() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|file| file.exists())
            .expect("no Chromium in PATH: run scripts/setup.sh test");
        let profile = std::env::temp_dir().join(format!("muster-browser-{}", Env::system().id()));
        let mut command = Command::new("sh");
        // the browser reads commands on descriptor 3 and answers on 4
        command
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>&2"#])
            .arg(program)
            .arg("--remote-debugging-pipe");
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
        ]);
        command.arg("--lang=en").arg(format!("--user-data-dir={}", profile.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Self { child, to, from, calls: 0, session: None, complaints: Vec::new(), profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await.unwrap();
        let attached = browser
            .call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}))
            .await
            .unwrap();
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Audits"] {
            browser.call(&format!("{domain}.enable"), json!({})).await.unwrap();
        }
        browser
    }

    /// One command; `Err` is what the browser says against it.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).await.unwrap();
        loop {
            let mut heard = Vec::new();
            let read = timeout(Duration::from_secs(30), self.from.read_until(0, &mut heard)).await;
            assert!(read.expect("the browser is silent").unwrap() > 0, "the browser ended");
            let heard: Value = serde_json::from_slice(heard.strip_suffix(b"\0").unwrap_or(&heard)).unwrap();
            if heard["id"] == self.calls {
                return if heard["error"].is_null() {
                    Ok(heard["result"].clone())
                } else {
                    Err(heard["error"].to_string())
                };
            }
            self.note(&heard);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        let complaint = match event["method"].as_str().unwrap_or_default() {
            "Log.entryAdded" => params["entry"]["level"] == "error" || params["entry"]["level"] == "warning",
            "Runtime.exceptionThrown" => true,
            "Runtime.consoleAPICalled" => params["type"] == "error" || params["type"] == "warning",
            "Audits.issueAdded" => params["issue"]["code"] == "ContentSecurityPolicyIssue",
            _ => false,
        };
        if complaint {
            self.complaints.push(params.to_string());
        }
    }

    /// The value of an expression in the page; none while a page is being left.
    pub async fn value(&mut self, expression: &str) -> Option<Value> {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", asked).await.ok()?;
        answer["exceptionDetails"].is_null().then(|| answer["result"]["value"].clone())
    }

    /// Waits until an expression is true.
    pub async fn wait_for(&mut self, expression: &str) {
        let browser = &mut *self;
        until(expression, async || browser.value(expression).await.filter(|value| value == true)).await;
    }

    pub async fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", json!({"url": url})).await.unwrap();
        assert!(opened["errorText"].is_null(), "{opened}");
        self.wait_for(&format!("location.href === {} && document.readyState === 'complete'", json!(url))).await;
    }

    /// Fills the signing form and presses its button.
    async fn sign(&mut self, address: &str) {
        let fill = format!(
            "document.querySelector('[name=given_name]').value = 'Amara';
             document.querySelector('[name=email]').value = {};
             document.querySelector('form[action^=\"/p/status\"] button').click(); true",
            json!(address)
        );
        assert_eq!(self.value(&fill).await, Some(json!(true)));
    }

    /// Waits for what follows a press of the button; is it the challenge?
    async fn was_challenged(&mut self) -> bool {
        self.wait_for(
            "!!document.querySelector('.panel-good, [data-challenge]') && document.readyState === 'complete'",
        )
        .await;
        self.value("!!document.querySelector('[data-challenge]')").await == Some(json!(true))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // with its helpers, which are in a group of their own
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn pages_load_whole_under_their_policy_and_what_it_forbids_does_not_run(pool: PgPool) {
    let mut browser = Browser::start().await;
    let house = Installation::new(&pool);
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({"petition_text": "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> We demand **status**."})).await;
    for path in ["/", "/p/status", "/p/status?lang=pa", "/console/sign-in", "/nothing-here"] {
        browser.open(&format!("http://{}{path}", server.http)).await;
        let styled =
            "document.styleSheets.length > 0 && [...document.styleSheets].every(sheet => sheet.cssRules.length > 0)";
        assert_eq!(browser.value(styled).await, Some(json!(true)), "{path} has its style");
        assert_eq!(browser.value("document.querySelectorAll('main h1').length").await, Some(json!(1)), "{path}");
        assert_eq!(
            browser.value("document.documentElement.scrollWidth <= innerWidth").await,
            Some(json!(true)),
            "{path} does not scroll sideways"
        );
        browser.complaints.retain(|complaint| !(path == "/nothing-here" && complaint.contains("404")));
        assert_eq!(browser.complaints, Vec::<String>::new(), "{path}");
    }
    browser.open(&format!("http://{}/p/status", server.http)).await;
    assert_eq!(
        browser.value("document.querySelectorAll('form[method=post][action^=\"/p/status\"]').length").await,
        Some(json!(1))
    );
    assert_eq!(browser.value("typeof window.pwned").await, Some(json!("undefined")));
    // even if somebody got markup in, the policy stops it
    let inject = "const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; document.head.append(s); typeof window.pwned";
    assert_eq!(browser.value(inject).await, Some(json!("undefined")));
    assert!(!browser.complaints.is_empty(), "the browser tells of it");
    server.stop().await;
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn on_a_busy_day_the_page_s_script_does_the_work_and_the_signature_counts(pool: PgPool) {
    let mut browser = Browser::start().await;
    let house = Installation::new(&pool)
        .with("MUSTER__GUARD__FREE_PER_MINUTE", "1")
        .with("MUSTER__GUARD__CHALLENGE_WORK", "20000");
    let token = house.owner().await;
    let server = house.serve(&["serve", "--role", "web"]).await;
    server.petition(&token, json!({})).await;
    let page = format!("http://{}/p/status", server.http);
    browser.open(&page).await;
    browser.sign("amara@example.org").await;
    assert!(!browser.was_challenged().await, "the first is free");
    let mut signed = 1;
    // a minute may end between two acts; not three times in a row
    for n in 0..3 {
        browser.open(&page).await;
        browser.sign(&format!("bela{n}@example.org")).await;
        if browser.was_challenged().await {
            break;
        }
        signed += 1;
    }
    assert!(signed < 4, "nobody was asked for a proof of work");
    let typed = "document.querySelector('[name=email]').value.startsWith('bela') && document.querySelector('[name=given_name]').value === 'Amara'";
    assert_eq!(browser.value(typed).await, Some(json!(true)), "nothing has to be typed again");
    // pressed while the script still works: it sends the form when it is done
    browser.value("document.querySelector('form[action^=\"/p/status\"] button').click()").await;
    browser.wait_for("!!document.querySelector('.panel-good')").await;
    let count = async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap() };
    assert_eq!(count("SELECT count(*) FROM signatures").await, signed + 1);
    let proof: String = sqlx::query_scalar("SELECT challenge FROM used_challenges").fetch_one(&pool).await.unwrap();
    assert!(
        proof.len() == 64 && proof.chars().all(|c| c.is_ascii_hexdigit()),
        "by the proof, not by a ticket: {proof}"
    );
    browser.complaints.retain(|complaint| !complaint.contains("428"));
    assert_eq!(browser.complaints, Vec::<String>::new());
    server.stop().await;
}
