//! Speed over HTTP, one stream each way: a download that ends at a number of bytes or seconds, and for LibreSpeed an upload.

use super::{Meter, Speed, kbit_s};
use crate::clock::Clock;
use crate::outside::{LocalOrigins, checked_address};
use awc::http::Uri;
use awc::{Client, Connector};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use std::time::Duration;

/// A direction ends after so many bytes, or so many milliseconds.
const DOWN_MAX_BYTES: u64 = 200 << 20;
const UP_BYTES: usize = 10 << 20;
const DIRECTION_MS: u64 = 10_000;
const CONNECT_MS: u64 = 5_000;
/// Less than this says nothing about a line.
const DOWN_LEAST_BYTES: u64 = 100_000;
/// Megabytes that LibreSpeed is asked for: a download that is cut off costs it nothing.
const LIBRESPEED_MB: u32 = 200;

/// A server that files are downloaded from.
#[derive(Clone)]
pub(super) struct Download {
    librespeed: bool,
    server: String,
    local: LocalOrigins,
    clock: Clock,
}

impl Download {
    pub(super) fn new(librespeed: bool, server: &str, local: LocalOrigins, clock: Clock) -> Download {
        Download { librespeed, server: server.to_owned(), local, clock }
    }

    async fn both_ways(self) -> Result<Speed, String> {
        let client = client();
        let base = self.server.trim_end_matches('/');
        if !self.librespeed {
            return Ok(Speed { down_kbit_s: Some(self.down(&client, &self.server).await?), up_kbit_s: None });
        }
        let down = self.down(&client, &format!("{base}/garbage.php?ckSize={LIBRESPEED_MB}")).await?;
        let up = self.up(&client, &format!("{base}/empty.php")).await?;
        Ok(Speed { down_kbit_s: Some(down), up_kbit_s: Some(up) })
    }

    async fn down(&self, client: &Client, url: &str) -> Result<i64, String> {
        let uri: Uri = url.parse().map_err(|_| "the server's URL cannot be called".to_owned())?;
        let address = checked_address(&uri, &self.local).await?;
        let mut answer = client.get(uri).address(address).force_close().send().await.map_err(|e| format!("no answer: {e}"))?;
        if !answer.status().is_success() {
            return Err(format!("HTTP {}", answer.status().as_u16()));
        }
        let (began, mut bytes) = (self.clock.steady(), 0_u64);
        let read = async {
            while bytes < DOWN_MAX_BYTES
                && let Some(chunk) = answer.next().await
            {
                bytes += chunk.map_err(|e| format!("the download broke: {e}"))?.len() as u64;
            }
            Ok::<(), String>(())
        };
        // Cut off at the limit, it is measured all the same.
        if let Ok(ended) = tokio::time::timeout(Duration::from_millis(DIRECTION_MS), read).await {
            ended?;
        }
        if bytes < DOWN_LEAST_BYTES {
            return Err(format!("only {bytes} bytes came, which says nothing about the line: name a larger file"));
        }
        Ok(kbit_s(bytes, self.clock.steady().since_ms(began)))
    }

    async fn up(&self, client: &Client, url: &str) -> Result<i64, String> {
        let uri: Uri = url.parse().map_err(|_| "the server's URL cannot be called".to_owned())?;
        let address = checked_address(&uri, &self.local).await?;
        let began = self.clock.steady();
        let request = client.post(uri).address(address).force_close().content_type("application/octet-stream");
        let sent = tokio::time::timeout(Duration::from_millis(2 * DIRECTION_MS), request.send_body(vec![0; UP_BYTES])).await;
        let answer =
            sent.map_err(|_| "the upload did not end in time".to_owned())?.map_err(|e| format!("the upload broke: {e}"))?;
        if !answer.status().is_success() {
            return Err(format!("the upload was answered HTTP {}", answer.status().as_u16()));
        }
        Ok(kbit_s(UP_BYTES as u64, self.clock.steady().since_ms(began)))
    }
}

impl Meter for Download {
    fn measure(&self) -> LocalBoxFuture<'static, Result<Speed, String>> {
        Box::pin(self.clone().both_ways())
    }
}

fn client() -> Client {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let connect = Duration::from_millis(CONNECT_MS);
    Client::builder()
        .connector(Connector::new().timeout(connect).handshake_timeout(connect))
        .timeout(Duration::from_millis(3 * DIRECTION_MS))
        .disable_redirects()
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers `GET` with so many bytes, and `POST` once it is read.
    async fn server(bytes: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        actix_rt::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                actix_rt::spawn(async move {
                    let (mut head, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
                    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                        let read = socket.read(&mut buffer).await.unwrap_or(0);
                        head.extend_from_slice(&buffer[..read]);
                    }
                    let end = head.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                    let mut missing = if head.starts_with(b"POST") { UP_BYTES - (head.len() - end) } else { 0 };
                    while missing > 0 {
                        missing -= socket.read(&mut buffer).await.unwrap();
                    }
                    let body = vec![0; if head.starts_with(b"GET") { bytes } else { 0 }];
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    drop(socket.write_all(&[head.as_bytes(), &body].concat()).await);
                });
            }
        });
        format!("http://{address}")
    }

    async fn measured(librespeed: bool, bytes: usize) -> Result<Speed, String> {
        let server = server(bytes).await;
        let local = LocalOrigins::parse(&[&server]).unwrap();
        Download::new(librespeed, &server, local, Clock::system()).measure().await
    }

    #[actix_rt::test]
    async fn a_download_is_a_figure_and_librespeed_is_two() {
        let one = measured(false, 2_000_000).await.unwrap();
        assert!(one.down_kbit_s.is_some_and(|kbit| kbit > 0) && one.up_kbit_s.is_none(), "{one:?}");
        let both = measured(true, 2_000_000).await.unwrap();
        assert!(both.down_kbit_s.is_some_and(|kbit| kbit > 0) && both.up_kbit_s.is_some_and(|kbit| kbit > 0), "{both:?}");
    }

    #[actix_rt::test]
    async fn too_little_to_measure_is_no_figure_and_this_machine_is_not_asked_unasked() {
        assert!(measured(false, 99_999).await.unwrap_err().contains("larger file"));
        let server = server(2_000_000).await;
        let strict = Download::new(false, &server, LocalOrigins::default(), Clock::system());
        assert!(strict.measure().await.is_err());
    }
}
