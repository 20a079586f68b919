//! The peer's front: it hands connections to the server behind it, and breaks them when a test wants that.

use super::{Shared, server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

/// Runs server and front until told to stop.
pub(super) async fn run(shared: Arc<Shared>, started: Sender<SocketAddr>, stopped: oneshot::Receiver<()>) {
    let (server, behind) = server::start(shared.clone());
    let handle = server.handle();
    actix_web::rt::spawn(server);
    // Keeps the port while nobody listens on it: connections are refused, and nobody else gets it.
    let placeholder = socket("127.0.0.1:0".parse().expect("an address"));
    let address = placeholder.local_addr().expect("an address");
    let first = listen(address);
    started.send(address).expect("somebody waits");
    let front = actix_web::rt::spawn(receive(shared, first, behind));
    let _ = stopped.await;
    front.abort();
    handle.stop(false).await;
    drop(placeholder);
}

/// Takes connections whenever somebody is to listen.
async fn receive(shared: Arc<Shared>, first: TcpListener, behind: SocketAddr) {
    let (address, mut away) = (first.local_addr().expect("an address"), shared.away.subscribe());
    let mut listener = Some(first);
    loop {
        let Some(open) = &listener else {
            drop(away.wait_for(|away| !away).await);
            listener = Some(listen(address));
            continue;
        };
        tokio::select! {
            Ok((caller, _)) = open.accept() => drop(actix_web::rt::spawn(carry(shared.clone(), caller, behind))),
            _ = away.wait_for(|away| *away) => listener = None,
        }
    }
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option of every socket");
    socket.bind(address).expect("a free port");
    socket
}

fn listen(address: SocketAddr) -> TcpListener {
    socket(address).listen(1_024).expect("the port is ours")
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
