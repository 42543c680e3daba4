//! A network between Muster and its Postgres that can fail as networks do: connections that are open at one moment become
//! black holes (nothing is forwarded or closed any more, as after a host died or a firewall forgot them), new ones work.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::PgPool;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
};

/// The proxy; it ends with its value.
pub struct Proxy {
    address: SocketAddr,
    holes: Arc<AtomicU64>,
    accepting: tokio::task::JoinHandle<()>,
    database: String,
    user: String,
}

impl Proxy {
    /// In front of the server of `pool`.
    pub async fn start(pool: &PgPool) -> Self {
        let options = pool.connect_options();
        let (host, port) = (options.get_host().to_owned(), options.get_port());
        let socket = options.get_socket().cloned().or_else(|| host.starts_with('/').then(|| host.clone().into()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let holes = Arc::new(AtomicU64::new(0));
        let seen = holes.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (seen, socket, host) = (seen.clone(), socket.clone(), host.clone());
                tokio::spawn(async move {
                    let (from, to) = client.into_split();
                    if let Some(folder) = socket {
                        let server = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.unwrap();
                        let (reading, writing) = server.into_split();
                        forward((from, to), (reading, writing), &seen).await;
                    } else {
                        let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                        let (reading, writing) = server.into_split();
                        forward((from, to), (reading, writing), &seen).await;
                    }
                });
            }
        });
        let database = options.get_database().unwrap().to_owned();
        Self { address, holes, accepting, database, user: options.get_username().to_owned() }
    }

    /// The address of the same database, through the proxy.
    pub fn url(&self) -> String {
        format!("postgres://{}@{}/{}", self.user, self.address, self.database)
    }

    /// Makes all connections that are open now black holes.
    pub fn hole(&self) {
        self.holes.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward<R, W>(client: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin), server: (R, W), holes: &AtomicU64)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let born = holes.load(Ordering::SeqCst);
    tokio::join!(pipe(client.0, server.1, holes, born), pipe(server.0, client.1, holes, born));
}

async fn pipe(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, holes: &AtomicU64, born: u64) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        if holes.load(Ordering::SeqCst) != born {
            // neither forwarded nor closed
            std::future::pending::<()>().await;
        }
        match read {
            Ok(bytes) if bytes > 0 => {
                if to.write_all(&buffer[..bytes]).await.is_err() {
                    return;
                }
            }
            _ => {
                let _ = to.shutdown().await;
                return;
            }
        }
    }
}
