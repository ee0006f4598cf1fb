//! A client that writes its own bytes, so that it can be slow, lie and break off.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What comes, has to come by then.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for an outcome, with a deadline.
pub(in crate::web) async fn patiently<T>(what: &str, outcome: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(DEADLINE, outcome).await;
    outcome.unwrap_or_else(|_| panic!("no {what} within {DEADLINE:?}"))
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub(in crate::web) struct Answer {
    pub(in crate::web) status: u16,
    /// Names in lower case.
    pub(in crate::web) headers: Vec<(String, String)>,
    pub(in crate::web) body: String,
}

impl Answer {
    pub(in crate::web) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// One field of a JSON body.
    pub(in crate::web) fn field(&self, name: &str) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        json.get(name).unwrap_or_else(|| panic!("no {name} in {json}")).to_string()
    }
}

/// One connection.
pub(in crate::web) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(in crate::web) async fn connect(addr: SocketAddr) -> Self {
        let stream = patiently("connection", TcpStream::connect(addr)).await.unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes; an error if the server has hung up.
    pub(in crate::web) async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        patiently("room to send", self.stream.write_all(bytes)).await
    }

    pub(in crate::web) async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends a POST with these headers and a declared length.
    pub(in crate::web) async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: x\r\n").into_bytes();
        for (name, value) in headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let length = format!("content-length: {}\r\n\r\n", body.len());
        request.extend_from_slice(length.as_bytes());
        request.extend_from_slice(body);
        self.send(&request).await;
        self.answer().await
    }

    /// The next answer.
    pub(in crate::web) async fn answer(&mut self) -> Answer {
        patiently("answer", self.read()).await.expect("the server hung up without an answer")
    }

    /// Waits until the server hangs up.
    pub(in crate::web) async fn hung_up(&mut self) {
        patiently("end of the connection", async {
            let mut chunk = [0; 1024];
            while matches!(self.stream.read(&mut chunk).await, Ok(1..)) {}
        })
        .await;
    }

    /// Whether an answer has begun to arrive.
    pub(in crate::web) fn has_answer(&self) -> bool {
        let mut chunk = [0; 1];
        let peeked = self.stream.try_read(&mut chunk);
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    async fn read(&mut self) -> Option<Answer> {
        let head = loop {
            let end = self.unread.windows(4).position(|window| window == b"\r\n\r\n");
            match end {
                Some(end) => break self.unread.drain(..end + 4).collect::<Vec<_>>(),
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let split = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        let headers: Vec<_> = lines.map(split).collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            self.more().await?;
        }
        answer.body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        Some(answer)
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.unread).await.unwrap_or(0);
        (read > 0).then_some(())
    }
}
