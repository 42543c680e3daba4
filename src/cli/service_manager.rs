//! Tells systemd how the process is (`sd_notify(3)`, `Type=notify`); does nothing where nobody asked.

use std::{
    io,
    os::unix::net::{SocketAddr, UnixDatagram},
};

/// Sends a state: `READY=1`, `STOPPING=1`.
pub(super) fn notify(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    let sent = address(socket.as_encoded_bytes())
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(event = "process.not_notified", %error, "the service manager could not be told `{state}`");
    }
}

/// The socket's address: a path or, behind `@`, a name without a file (Linux).
fn address(socket: &[u8]) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.strip_prefix(b"@") {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    let path = std::str::from_utf8(socket).map_err(io::Error::other)?;
    SocketAddr::from_pathname(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_path_or_a_name() {
        let path = address(b"/run/systemd/notify").unwrap();
        assert_eq!(path.as_pathname(), Some(std::path::Path::new("/run/systemd/notify")));
        assert!(address(b"/bad\0path").is_err());
        #[cfg(target_os = "linux")]
        {
            let named = address(b"@muster").unwrap();
            assert!(named.as_pathname().is_none() && !named.is_unnamed());
        }
    }
}
