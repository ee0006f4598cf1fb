//! A cart for tests: answers what it was told to, byte for byte, and keeps what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::http::{CartHttp, Outbound};

/// What the cart does when it is called.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, then the filler for ever.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends these bytes, then nothing, and keeps the connection.
    Hang(Vec<u8>),
}

impl Reply {
    /// A whole answer with that status line, further header lines and body.
    pub(super) fn http(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\
                 {headers}\r\n{body}"
            )
            .into_bytes(),
        )
    }

    /// 200 with JSON.
    pub(super) fn json(body: &(impl ToString + ?Sized)) -> Self {
        Self::http("200 OK", "content-type: application/json; charset=utf-8\r\n", &body.to_string())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Request line and headers.
    pub(super) head: String,
    /// The body as text.
    pub(super) body: String,
}

impl Asked {
    /// The body as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// A listening cart; it ends with the runtime of its test.
pub(super) struct Cart {
    /// Its base URL.
    pub(super) base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Cart {
    /// Answers calls in turn; the last answer is repeated.
    pub(super) async fn answering(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut calls = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let reply = replies.get(calls).or(replies.last()).expect("an answer").clone();
                tokio::spawn(serve(stream, reply, Arc::clone(&kept)));
                calls += 1;
            }
        });
        Self { base, asked }
    }

    /// What it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, asked: Arc<Mutex<Vec<Asked>>>) {
    let Some(request) = read(&mut stream).await else { return };
    asked.lock().expect("not poisoned").push(request);
    // A client that has heard enough hangs up: writing then fails, and that is the end.
    let (head, filler) = match reply {
        Reply::Bytes(bytes) => {
            let _gone = stream.write_all(&bytes).await;
            return;
        }
        Reply::Endless(head, filler) => (head, filler),
        Reply::Hang(head) => (head, Vec::new()),
    };
    let mut open = stream.write_all(&head).await.is_ok();
    if filler.is_empty() {
        let _closed = stream.read(&mut [0; 1]).await;
        return;
    }
    while open {
        open = stream.write_all(&filler).await.is_ok();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(Asked { head: head.to_owned(), body: body.to_owned() });
        }
    }
}

/// A client that may call this machine, and is soon out of patience.
pub(super) fn client() -> CartHttp {
    CartHttp::new(Outbound {
        allow_private: true,
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(20),
    })
    .expect("a client")
}
