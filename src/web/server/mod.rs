//! Running HTTP servers: one per listener, each with its own threads, limits and stop handle.
//!
//! A listener that is flooded harms only itself: the public one and the private ones share no
//! worker and no connection. A connection over the limit waits in the kernel's queue until another
//! one ends, and [`connection`] sees to it that one does.

mod connection;
#[cfg(test)]
mod tests;
mod unix;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;

pub(in crate::web) use self::connection::Turn;
use self::connection::{Connections, Patience};

/// What one listener takes. Request heads are limited by actix: 128 KiB and 96 headers, above that
/// 431 or 400.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Threads.
    pub workers: usize,
    /// Connections at the same time; more wait in the kernel's queue (`backlog`).
    pub max_connections: usize,
    /// Until a request's headers must be complete.
    pub header_timeout: Duration,
    /// How long a connection may idle between two requests.
    pub keep_alive: Duration,
    /// How long a refused sender may go on sending before it is cut off.
    pub close_timeout: Duration,
    /// How long a sender may take over headers or body while three quarters of the connections
    /// are taken.
    pub pressed_timeout: Duration,
    /// How long requests in work may take when the server is stopped gracefully; whole seconds.
    pub stop_timeout: Duration,
}

impl ServerLimits {
    /// For the public listener.
    pub fn public(workers: usize) -> Self {
        Self {
            workers,
            max_connections: 20_000,
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(15),
            close_timeout: Duration::from_secs(3),
            pressed_timeout: Duration::from_secs(1),
            // A cart hangs up after 5 s.
            stop_timeout: Duration::from_secs(5),
        }
    }

    /// For a private listener.
    pub fn private() -> Self {
        Self {
            workers: 1,
            max_connections: 1024,
            keep_alive: Duration::from_mins(1),
            ..Self::public(1)
        }
    }

    /// With no more connections than this process may have files open. Each takes two (the second is
    /// [`connection`]'s), and a third is left for the database and for calls to carts, which a
    /// flood must not starve.
    fn within_open_files(&self) -> Self {
        let most = crate::metrics::max_open_files().map_or(usize::MAX, |files| files / 3);
        if most < self.max_connections {
            let wanted = self.max_connections;
            tracing::warn!(wanted, most, "connections are limited by the limit on open files");
        }
        Self { max_connections: self.max_connections.min(most.max(1)), ..self.clone() }
    }

    fn patience(&self) -> Patience {
        Patience {
            waiting: self.keep_alive + self.header_timeout,
            closing: self.close_timeout,
            pressed: self.pressed_timeout,
            pressed_from: self.max_connections.saturating_mul(3).div_ceil(4),
        }
    }
}

/// A server that runs until it is stopped.
#[derive(Debug)]
pub struct Running {
    addr: Option<SocketAddr>,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

/// Binds a TCP listener whose queue holds `backlog` connections. Sockets handed over by systemd come
/// with their own.
pub fn bind(addr: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    // So that a restart need not wait for the last connections of its predecessor to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(backlog)?.into_std()
}

/// Serves the public routes: slow senders are disconnected. Call it inside a runtime.
pub fn serve_public<R>(
    listener: TcpListener,
    limits: &ServerLimits,
    routes: R,
) -> io::Result<Running>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let addr = listener.local_addr()?;
    let limits = limits.within_open_files();
    let connections = Connections::new(limits.patience());
    let server = server(&limits, routes, Socket::Watched(listener, Arc::clone(&connections)))?;
    let handle = server.handle();
    let task = tokio::spawn(async move {
        tokio::select! {
            ended = server => ended,
            never = connections.watch() => match never {},
        }
    });
    Ok(Running { addr: Some(addr), handle, task })
}

/// Serves the private routes over TCP. Answers may take as long as they need (long polls, streams).
pub fn serve_private<R>(
    listener: TcpListener,
    limits: &ServerLimits,
    routes: R,
) -> io::Result<Running>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let addr = listener.local_addr()?;
    let server = server(limits, routes, Socket::Tcp(listener))?;
    let handle = server.handle();
    Ok(Running { addr: Some(addr), handle, task: tokio::spawn(server) })
}

/// Serves the private routes over a unix socket at `path`, mode 0660. A file that a dead process
/// left there is replaced; `AddrInUse` if a living one serves it. The file goes with the server.
pub fn serve_unix<R>(path: &Path, limits: &ServerLimits, routes: R) -> io::Result<Running>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let (listener, file) = unix::listen(path)?;
    let server = server(limits, routes, Socket::Unix(listener))?;
    let handle = server.handle();
    let task = tokio::spawn(async move {
        let ended = server.await;
        drop(file);
        ended
    });
    Ok(Running { addr: None, handle, task })
}

/// What a server listens on.
enum Socket {
    Watched(TcpListener, Arc<Connections>),
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What all servers have in common.
fn server<R>(limits: &ServerLimits, routes: R, socket: Socket) -> io::Result<Server>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let workers = limits.workers.max(1);
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .workers(workers)
        // actix counts by worker.
        .max_connections(limits.max_connections.div_ceil(workers))
        .client_request_timeout(limits.header_timeout)
        .client_disconnect_timeout(limits.close_timeout)
        .keep_alive(limits.keep_alive)
        .tcp_nodelay(true)
        .shutdown_timeout(limits.stop_timeout.as_secs())
        // Signals are the daemon's: it stops the listeners in its own order.
        .disable_signals();
    let server = match socket {
        Socket::Watched(listener, table) => {
            server.on_connect(move |stream, data| table.enter(stream, data)).listen(listener)?
        }
        Socket::Tcp(listener) => server.listen(listener)?,
        Socket::Unix(listener) => server.listen_uds(listener)?,
    };
    Ok(server.run())
}

impl Running {
    /// Where it listens; none for a unix socket.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Stops accepting and waits for the requests in work, at most `stop_timeout`. Takes about a
    /// second even without any.
    pub async fn stop(self) -> io::Result<()> {
        self.handle.stop(true).await;
        self.ended().await
    }

    /// Waits for its end, which comes by itself only if something is wrong.
    pub async fn ended(self) -> io::Result<()> {
        self.task.await.map_err(io::Error::other)?
    }

    /// Stops it like [`Running::stop`] while somebody else waits for its end.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }
}
