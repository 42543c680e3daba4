//! Two streams for lettre's connection: one for a safe STARTTLS, one for implicit TLS over a socket that we opened.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The socket of a STARTTLS connection; it is read byte by byte until TLS begins.
///
/// lettre reads through a buffer and keeps it across the upgrade, so replies that an attacker in the middle injects
/// in clear text behind the `220` would be taken for encrypted ones (RFC 3207 section 4.2 requires that they are
/// discarded). When no byte too many is read, they reach the TLS layer, which fails on them. This concerns a few
/// short replies per connection.
#[derive(Debug)]
pub(super) struct UntilTls {
    tcp: TcpStream,
    /// A TLS `ClientHello` was written.
    hello_sent: bool,
}

impl UntilTls {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, hello_sent: false }
    }
}

/// First byte of a TLS handshake record (RFC 8446 section 5.1); no SMTP command begins with it.
const HANDSHAKE: u8 = 0x16;

impl AsyncRead for UntilTls {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.hello_sent || buf.remaining() == 0 {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut one))?;
        buf.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for UntilTls {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.hello_sent |= buf.first() == Some(&HANDSHAKE);
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for UntilTls {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

/// A fake SMTP server, over which lettre's connection is made before it is given the encrypted stream: replies with
/// fixed lines and ignores what is written.
#[derive(Debug)]
pub(super) struct Prelude(&'static [u8]);

impl Prelude {
    /// A greeting, and a reply to EHLO without extensions.
    pub(super) fn new() -> Self {
        Self(b"220 -\r\n250 -\r\n")
    }
}

impl AsyncRead for Prelude {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // one line per read: lettre takes everything that it has read as one reply
        let end = self.0.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
        let (line, rest) = self.0.split_at(end.min(buf.remaining()));
        buf.put_slice(line);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prelude {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncTokioStream for Prelude {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::NotConnected.into())
    }
}
