//! Clients that open connections and are slow: to say what they want, to take their answer, or to go away. They keep nobody
//! else out.

use std::{net::SocketAddr, time::Duration};

use muster::kernel::env::Env;
use serde_json::json;
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::TestApp;

/// What anybody gets at once, without the database.
const PING: &[u8] = b"GET /api/v1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
/// Longer than any limit of these tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves until the guard is dropped.
async fn serve(app: &TestApp) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (served, stopped) = (app.app.clone(), stop.clone());
    tokio::spawn(async move { served.serve(listener, stopped).await });
    (address, stop.drop_guard())
}

/// A connection of the host 127.0.0.`host`.
async fn connect(server: SocketAddr, host: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
    socket.connect(server).await.unwrap()
}

/// Everything that comes until the server ends the connection.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // a connection that is broken off has ended, too
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the connection does not end");
    all
}

async fn status(stream: &mut TcpStream, request: &[u8]) -> String {
    let _ = stream.write_all(request).await;
    String::from_utf8_lossy(&rest(stream).await).chars().skip(9).take(3).collect()
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn an_unfinished_header_times_out(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__HTTP__HEADER_TIMEOUT_SECONDS", "1")]).await;
    let (server, _guard) = serve(&app).await;
    let begun = Env::system().instant();
    let mut silent = connect(server, 1).await;
    let mut slow = connect(server, 1).await;
    slow.write_all(b"GET /api/v1 HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut idle = connect(server, 1).await;
    idle.write_all(b"GET /api/v1 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let trickle = async {
        // a line now and then does not prolong it
        while slow.write_all(b"x: y\r\n").await.is_ok() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    let ended = async { tokio::join!(rest(&mut silent), rest(&mut idle), trickle) };
    let ((unasked, answered, ()), ping) =
        tokio::join!(ended, async { status(&mut connect(server, 1).await, PING).await });
    assert_eq!((unasked.len(), ping.as_str()), (0, "200"));
    assert!(answered.starts_with(b"HTTP/1.1 200"), "it was answered before it was silent");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn connections_per_network_are_limited(pool: PgPool) {
    let limits = [("MUSTER__HTTP__MAX_CONNECTIONS_PER_NETWORK", "3"), ("MUSTER__HTTP__TRUSTED_PROXIES", "127.0.0.4")];
    let app = TestApp::with(pool, &limits).await;
    let (server, _guard) = serve(&app).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect(server, 2).await);
    }
    // those before it are accepted first
    assert_eq!(status(&mut connect(server, 2).await, b"").await, "503");
    assert_eq!(status(&mut connect(server, 3).await, PING).await, "200", "another host");
    held.pop();
    let again = async {
        while status(&mut connect(server, 2).await, PING).await != "200" {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("a connection that ended makes room");
    let mut proxied = Vec::new();
    for _ in 0..5 {
        proxied.push(connect(server, 4).await);
    }
    assert_eq!(status(&mut connect(server, 4).await, PING).await, "200", "a proxy stands for many");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn connections_beyond_the_limit_wait_for_a_free_one(pool: PgPool) {
    let limits = [("MUSTER__HTTP__MAX_CONNECTIONS", "2"), ("MUSTER__HTTP__HEADER_TIMEOUT_SECONDS", "1")];
    let app = TestApp::with(pool, &limits).await;
    let (server, guard) = serve(&app).await;
    let _held = [connect(server, 2).await, connect(server, 2).await];
    let crowd = (0..6).map(async |_| status(&mut connect(server, 3).await, PING).await);
    let answers = futures_util::future::join_all(crowd).await;
    assert_eq!(answers, ["200"; 6]);
    // to be asked to stop while all are taken ends it all the same
    let _held = [connect(server, 2).await, connect(server, 2).await, connect(server, 2).await];
    drop(guard);
    let ended = async { while TcpStream::connect(server).await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("it still listens");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn a_stalled_response_times_out(pool: PgPool) {
    let app = TestApp::with(pool, &[("MUSTER__HTTP__TIMEOUT_SECONDS", "1")]).await;
    let (server, _guard) = serve(&app).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut deaf = socket.connect(server).await.unwrap();
    let large = b"GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    let one = app.get("/api/v1/openapi.json", None).await.body.len();
    // more than the buffers between them hold
    deaf.write_all(&large.repeat(100)).await.unwrap();
    sleep(Duration::from_secs(4)).await;
    let taken = rest(&mut deaf).await.len();
    assert!(taken < 90 * one, "{taken} bytes of {}", 100 * one);
    assert_eq!(status(&mut connect(server, 1).await, PING).await, "200");
}

#[sqlx::test(migrator = "muster::MIGRATOR")]
async fn live_streams_per_network_are_limited_and_expire(pool: PgPool) {
    const LIVE: &[u8] =
        b"GET /p/status/live HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n";
    let app = TestApp::new(pool).await;
    let token = app.owner().await;
    app.petition(&token, json!({})).await;
    let (server, _guard) = serve(&app).await;
    let open = async |host: u8| {
        let mut stream = connect(server, host).await;
        stream.write_all(LIVE).await.unwrap();
        let mut first = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut first)).await.expect("an answer").unwrap();
        (String::from_utf8_lossy(&first[9..]).into_owned(), stream)
    };
    let mut streams = Vec::new();
    for _ in 0..8 {
        let (status, stream) = open(2).await;
        assert_eq!(status, "200");
        streams.push(stream);
    }
    assert_eq!(open(2).await.0, "503", "further pages of this host poll");
    assert_eq!(open(3).await.0, "200", "another host has its own");
    let polled = b"GET /p/status/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&mut connect(server, 2).await, polled).await, "200");
    app.kernel.env.advance(chrono::TimeDelta::minutes(16));
    for stream in &mut streams {
        let all = rest(stream).await;
        assert!(all.ends_with(b"0\r\n\r\n"), "it ends well, so that the page connects again");
    }
    assert_eq!(open(2).await.0, "200");
}
