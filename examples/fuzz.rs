//! A simple mutation fuzzer for the targets of `fuzz/` on a stable toolchain: mutates samples at random for a given
//! time, and reports a target that panics or takes too long. `cargo fuzz`, which is guided by coverage, finds more;
//! it needs a nightly toolchain.
//!
//! ```text
//! cargo run --example fuzz -- bounce 120 [SEED]
//! ```
//! While a target runs, its input is in `target/fuzz/TARGET.input`, so that one that kills the process can be found.

use std::{env, fs, panic, path::Path, process::ExitCode, time::Duration};

use muster::{
    app::fuzzing::{TARGETS, Target},
    kernel::env::Env,
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// Maximum length of an input, in bytes.
const LARGEST: usize = 256 * 1024;
/// Time limit for one input, in a build without optimisation.
const SLOW: Duration = Duration::from_secs(2);
/// Stack size, in bytes: that of a thread of the server.
const STACK: usize = 2 * 1024 * 1024;
/// Dictionary: tokens that have a meaning for the targets.
const WORDS: &[&str] = &[
    "Content-Type: message/rfc822\n\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
    "Content-Type: multipart/digest; boundary=\"b\"\n\n",
    "Content-Type: message/delivery-status\n\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "charset=utf-7",
    "charset=utf-16",
    "bounce+abcdefghijklmnopqrstuvwxy2@",
    "Final-Recipient: rfc822; jane.doe@example.org\n",
    "Diagnostic-Code: smtp; 550 5.1.1 no such user\n",
    "From: MAILER-DAEMON\n",
    "--b\n",
    "--b--\n",
    "\r\n",
    "\n\n",
    "=\n",
    "=3D",
    " and ",
    " or ",
    " eq ",
    " ne ",
    " gt ",
    "'",
    "''",
    "(",
    ")",
    "name",
    "id",
    "count",
    "created_date",
    "email_address",
    "datetime'2026-01-01'",
    "null",
    "true",
    "9223372036854775807",
    ",",
    ";",
    "\t",
    "\"",
    "\"\"",
    "\u{FEFF}",
    "{{ target.name }}",
    "{{ ",
    " }}",
    "{% if target.name %}",
    "{% elif target.name %}",
    "{% else %}",
    "{% endif %}",
    "{% raw %}",
    "{#",
    "#}",
    " ~ ",
    " * ",
    "not ",
    "-",
    "target.name",
    "|upper",
    "\0",
    "\u{1F600}",
    "é",
];

fn samples(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "bounce" => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounces");
            let files = fs::read_dir(folder).expect("the samples").flatten();
            return files.filter_map(|file| fs::read(file.path()).ok()).collect();
        }
        "filter" => &[
            "name eq 'Jane' and (count gt 3 or is_open eq true)",
            "created_date ge datetime'2026-01-01T10:00:00Z' and state ne 'open'",
            "email_address eq 'jane@example.org' or id eq '0190163d-8694-739b-aea5-966c26f8ad91' or name eq null",
        ],
        "csv" => &[
            "email,name\njane@example.org,Jane\n",
            "\u{FEFF}\"E-mail\";\"Last, name\"\r\n\"a@example.org\";\"Doe \"\"J\"\"\"\r\n",
            "email\tcity\na@example.org\tOttawa",
        ],
        "address" => &[
            "/P/Fr-Basic%E2%80%8B/?utm_source=x&lang=fr.&source=union-hall",
            "/t/qkr6t3abcdefghijklmnopqrstuvwxyz234567abcdefghijklmn%22%3E.",
            "/api/v1//people/?filter=a",
        ],
        _ => &[
            "Dear {{ target.salutation }},\n\nAs {{ target.title }} you can act.\n",
            "{% if target.name == 'x' %}a{% elif not target.office %}b{% else %}{{ 'c' ~ target.name }}{% endif %}",
        ],
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn place(random: &mut StdRng, length: usize) -> usize {
    random.random_range(0..=length)
}

/// A random slice of an input.
fn piece(random: &mut StdRng, input: &[u8]) -> Vec<u8> {
    let (a, b) = (place(random, input.len()), place(random, input.len()));
    input[a.min(b)..a.max(b)].to_vec()
}

fn change(random: &mut StdRng, input: &mut Vec<u8>, samples: &[Vec<u8>]) {
    let at = place(random, input.len());
    let insert = match random.random_range(0..7) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.random();
            }
            return;
        }
        1 => {
            let length = random.random_range(0..=(input.len() - at).min(64));
            input.drain(at..at + length);
            return;
        }
        2 => {
            input.truncate(at);
            return;
        }
        3 => {
            let other = samples.choose(random).cloned().unwrap_or_default();
            piece(random, &other)
        }
        4 => piece(random, &input.clone()),
        5 => {
            let times = 1 << random.random_range(0..15);
            let word = WORDS.choose(random).copied().unwrap_or_default();
            word.repeat(times).into_bytes()
        }
        _ => WORDS.choose(random).copied().unwrap_or_default().as_bytes().to_vec(),
    };
    input.splice(at..at, insert);
    input.truncate(LARGEST);
}

fn run((name, target): Target, time: Duration, seed: u64) -> Result<u64, String> {
    let env = Env::system();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let current = folder.join(format!("{name}.input"));
    let mut random = StdRng::seed_from_u64(seed);
    let samples = samples(name);
    let (begun, mut runs) = (env.instant(), 0);
    while begun.elapsed() < time {
        let mut input = samples.choose(&mut random).cloned().unwrap_or_default();
        for _ in 0..1 << random.random_range(0..6) {
            change(&mut random, &mut input, &samples);
        }
        fs::write(&current, &input).map_err(|e| e.to_string())?;
        let tried = env.instant();
        let outcome = panic::catch_unwind(|| target(&input));
        let took = tried.elapsed();
        if outcome.is_err() || took > SLOW {
            let kept = folder.join(format!("{name}.{}", random.next_u32()));
            fs::write(&kept, &input).map_err(|e| e.to_string())?;
            return Err(format!("{name}: try {runs} of seed {seed} took {took:?}, see {}", kept.display()));
        }
        runs += 1;
    }
    Ok(runs)
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (name, seconds) = (arguments.next().unwrap_or_default(), arguments.next().and_then(|s| s.parse().ok()));
    let seed =
        arguments.next().and_then(|s| s.parse().ok()).unwrap_or_else(|| u64::from_le_bytes(Env::system().random()));
    let (Some(target), Some(seconds)) = (TARGETS.into_iter().find(|(known, _)| *known == name), seconds) else {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: fuzz {} SECONDS [SEED]", names.join("|"));
        return ExitCode::FAILURE;
    };
    let worker = std::thread::Builder::new().stack_size(STACK);
    let outcome =
        worker.spawn(move || run(target, Duration::from_secs(seconds), seed)).map(std::thread::JoinHandle::join);
    match outcome {
        Ok(Ok(Ok(runs))) => {
            println!("{name}: {runs} inputs in {seconds} s, nothing found (seed {seed})");
            ExitCode::SUCCESS
        }
        Ok(Ok(Err(found))) => {
            eprintln!("{found}");
            ExitCode::FAILURE
        }
        _ => ExitCode::FAILURE,
    }
}
