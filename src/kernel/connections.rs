//! The public HTTP listener. It limits the number of connections, in total and per network, and the time a client may
//! take to send a request or to read its response, so that clients that hold sockets open cannot lock others out
//! (slowloris).
//!
//! HTTP/1.1 by hyper, one task per connection. A connection costs a file descriptor and a few kilobytes, so the
//! maximum follows the process's limit of open files ([`available_connections`]). Further connections wait in the
//! kernel's accept queue.

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
    http::{Request, Response, Version, header},
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

/// Maximum size of a connection's read buffer, in bytes; a request's header must fit.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Idle timeout of a trusted proxy's connection. It must exceed the proxy's own keep-alive timeout (nginx: 60 s), or
/// the proxy would send a request on a connection that is just being closed.
const PROXY_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Pause after `accept` failed for lack of file descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);
/// File descriptors reserved for the database, the relays and files.
const RESERVED_FILE_DESCRIPTORS: u64 = 256;
/// Response to a connection beyond the limit of its network.
const TOO_MANY_CONNECTIONS_RESPONSE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Limits of the listener.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Maximum number of open connections.
    pub connections: usize,
    /// Maximum number of open connections of one IPv4 address or IPv6 /64.
    pub per_network: usize,
    /// Timeout for the whole header of a request; also the keep-alive timeout between two requests.
    pub header: Duration,
    /// Timeout of a write: the client must read some of its response within this time.
    pub stalled: Duration,
}

/// The number of connections that the limit of open files allows, at most `wished`. Raises the soft limit towards the
/// hard one as far as needed.
pub fn available_connections(wished: usize) -> usize {
    let needed = u64::try_from(wished).unwrap_or(u64::MAX).saturating_add(RESERVED_FILE_DESCRIPTORS);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wished };
    let mut limit = soft;
    if soft < needed && setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard).is_ok() {
        limit = needed.min(hard);
    }
    let room = usize::try_from(limit.saturating_sub(RESERVED_FILE_DESCRIPTORS)).unwrap_or(usize::MAX).max(16);
    if room < wished {
        tracing::warn!(
            event = "connections.limit_lowered",
            room,
            "http.max_connections: the limit of open files (ulimit -n) leaves room for fewer"
        );
    }
    room.min(wished)
}

/// Serves until `stop` is cancelled, then answers the requests accepted so far. A connection for which `is_proxy` is
/// true carries requests of many clients: the limit per network does not apply to it.
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
                    event = "connections.network_limit",
                    "connections: one network reached http.max_connections_per_network; its further ones are refused (if it is \
                     a reverse proxy, name it in http.trusted_proxies)"
                );
            }
            // the response fits the send buffer of a new socket; if not, the client sees a closed connection
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
            // an I/O error of one connection concerns nobody else
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

/// Accepts the next connection. Errors are retried; the listener itself never ends.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // the client has already closed it
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => {
                tracing::error!(event = "connections.accept_failed", %error, "no connection can be accepted");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Marks a request of HTTP/1.1 that has no `Host`, or several.
#[derive(Clone, Copy, Debug)]
pub struct WithoutHost;

/// Passes the requests of one connection to the router, with the client's address.
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
        if request.version() == Version::HTTP_11 && request.headers().get_all(header::HOST).iter().count() != 1 {
            request.extensions_mut().insert(WithoutHost);
        }
        // axum's `Router` is always ready, so `poll_ready` can be skipped
        tower::Service::call(&mut self.router.clone(), request)
    }
}

/// A socket whose writes time out when the client reads nothing for `limit`.
struct WriteTimeoutStream {
    inner: TokioIo<TcpStream>,
    limit: Duration,
    /// Timer that runs while a write is pending.
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
