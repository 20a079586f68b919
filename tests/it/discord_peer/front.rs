//! The peer's front: it hands connections to the server behind it, and breaks them when a test wants that.

use super::{Shared, server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Runs server and front until told to stop.
pub(super) async fn run(shared: Arc<Shared>, started: Sender<SocketAddr>, stopped: oneshot::Receiver<()>) {
    let (server, behind) = server::start(shared.clone());
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    started.send(listener.local_addr().expect("an address")).expect("somebody waits");
    let front = actix_web::rt::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            actix_web::rt::spawn(carry(shared.clone(), caller, behind));
        }
    });
    let _ = stopped.await;
    front.abort();
    handle.stop(false).await;
}

/// Carries one connection until an end closes it or it is cut.
async fn carry(shared: Arc<Shared>, mut caller: TcpStream, behind: SocketAddr) {
    if shared.is_down() {
        return;
    }
    let mut cut = shared.cut.subscribe();
    let Ok(mut server) = TcpStream::connect(behind).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut caller, &mut server) => {}
        _ = cut.recv() => {}
    }
}
