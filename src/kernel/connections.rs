//! The public listener: how many connections there are, how many one network has, and how long one may take to say what it
//! wants or to take its answer. Whoever opens sockets and leaves them must not keep others out.
//!
//! HTTP/1.1 by hyper, one task for each connection. A connection costs a file descriptor and a few kilobytes, so their number
//! follows the process's limit of open files ([`available_connections`]). When all are taken, further ones wait in the kernel's queue.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    http::{Request, Response},
    routing::future::RouteFuture,
};
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{network::Network, network_limit::NetworkLimit};

/// Bytes of a connection's read buffer; a request's header must fit.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Time for which a proxy's connection may be silent between requests: longer than proxies keep theirs (nginx: 60 s), or one
/// would send a request into a connection that is just being closed.
const PROXY_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Pause after the system could give no connection: out of file descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);
/// File descriptors that are not for connections of people: the database's, the relay's, files.
const RESERVED_FILE_DESCRIPTORS: u64 = 256;
/// What a network is told that has all of its connections.
const TOO_MANY_CONNECTIONS_RESPONSE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one IPv4 address or IPv6 /64 at a time.
    pub per_network: usize,
    /// Time for the whole header of a request, also between two requests.
    pub header: Duration,
    /// Time in which a reader must take something of its answer.
    pub stalled: Duration,
}

/// How many connections the process has room for, at most as many as wished: makes use of the hard limit of open files.
pub fn available_connections(wished: usize) -> usize {
    let needed = u64::try_from(wished).unwrap_or(u64::MAX).saturating_add(RESERVED_FILE_DESCRIPTORS);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wished };
    let mut limit = soft;
    if soft < needed && setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard).is_ok() {
        limit = needed.min(hard);
    }
    let room = usize::try_from(limit.saturating_sub(RESERVED_FILE_DESCRIPTORS)).unwrap_or(usize::MAX).max(16);
    if room < wished {
        tracing::warn!(room, "http.max_connections: the limit of open files (ulimit -n) leaves room for fewer");
    }
    room.min(wished)
}

/// Serves until `stop` is cancelled, then answers what was accepted. Connections for which `is_proxy` stand for many people:
/// the limit of a network does not apply to them.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    is_proxy: impl Fn(IpAddr) -> bool,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let networks = NetworkLimit::new(limits.per_network);
    let connections = GracefulShutdown::new();
    let (people, proxies) = (http(limits.header), http(limits.header.max(PROXY_IDLE_TIMEOUT)));
    let open = metrics::gauge!("muster_http_connections");
    let refused = metrics::counter!("muster_http_connections_refused");
    let mut told = false;
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, accept(&listener).await)
        };
        let (slot, (stream, peer)) = tokio::select! {
            () = stop.cancelled() => break,
            next = next => next,
        };
        let address = peer.ip().to_canonical();
        let by_proxy = is_proxy(address);
        let place = if by_proxy { None } else { networks.try_acquire(Some(Network::of_client(address))) };
        if !by_proxy && place.is_none() {
            refused.increment(1);
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(
                    "one network has http.max_connections_per_network connections; its further ones are refused (if it is a \
                     reverse proxy, name it in http.trusted_proxies)"
                );
            }
            // the answer fits a new socket's buffer; if not, the reader sees a connection that ends
            let _ =
                stream.into_std().and_then(|mut stream| io::Write::write(&mut stream, TOO_MANY_CONNECTIONS_RESPONSE));
            continue;
        }
        let _ = stream.set_nodelay(true);
        let http = if by_proxy { &proxies } else { &people };
        let stream = WriteTimeoutStream { inner: TokioIo::new(stream), limit: limits.stalled, stall: None };
        let connection = http.serve_connection(stream, ConnectionService { router: router.clone(), address: peer });
        let (connection, open) = (connections.watch(connection), open.clone());
        tokio::spawn(async move {
            open.increment(1.0);
            // a connection that breaks is its reader's affair
            let _ = connection.await;
            open.decrement(1.0);
            drop((slot, place));
        });
    }
    drop(listener);
    connections.shutdown().await;
}

fn http(header: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header).max_buf_size(READ_BUFFER_BYTES);
    http
}

/// The next connection. What the system could not give is asked for again; the listener itself does not end.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // its opener has gone already
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// The router, for requests of one connection.
struct ConnectionService {
    router: Router,
    address: SocketAddr,
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response<axum::body::Body>;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.address));
        // a router is always ready
        tower::Service::call(&mut self.router.clone(), request)
    }
}

/// A socket that is given up when its reader takes nothing for a time.
struct WriteTimeoutStream {
    inner: TokioIo<TcpStream>,
    limit: Duration,
    /// Runs while a write waits.
    stall: Option<Pin<Box<Sleep>>>,
}

impl WriteTimeoutStream {
    fn with_write_timeout<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for WriteTimeoutStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl Write for WriteTimeoutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.with_write_timeout(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, pieces);
        self.with_write_timeout(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
