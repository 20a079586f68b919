//! The yardstick: a bare actix-web server that answers every request with as many bytes as a heartbeat's answer, and does nothing else.

use actix_web::{App, HttpResponse, HttpServer, web};
use std::io::BufRead;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

const BODY: &str = r#"{"status":"ok","host_id":"bench-00000","received_at":"2026-11-23T08:00:00.000Z","next_expected_by":"2026-11-23T09:00:00.000Z"}"#;

pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
}

impl Running {
    pub(crate) fn start() -> Running {
        let me = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(me).arg("--hello-server").stdout(Stdio::piped()).spawn().expect("it starts again");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is piped");
        std::io::BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        Running { child, address: line.trim().to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    println!("{}", listener.local_addr().expect("it has an address"));
    let app = || App::new().default_service(web::to(|| async { HttpResponse::Ok().content_type("application/json").body(BODY) }));
    let server = HttpServer::new(app).workers(2).listen(listener).expect("the listener serves").run();
    actix_rt::System::new().block_on(server).expect("the server ends in peace");
}
