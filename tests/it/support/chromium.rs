//! A real browser, driven over the pipe of its debugging protocol.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::PATIENCE;

/// Its protocol is spoken on the descriptors 3 and 4.
const START: &str = "exec chromium \"$@\" 3<&0 4>&1 1>/dev/null";

const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// One tab of a browser with a profile of its own; ends when dropped.
pub struct Chromium {
    _process: Child,
    _profile: TempDir,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
}

impl Chromium {
    /// Starts it with an empty tab.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut process = Command::new("sh")
            .args(["-c", START, "sh"])
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromium starts; scripts/test installs it");
        let orders = process.stdin.take().expect("stdin");
        let answers = BufReader::new(process.stdout.take().expect("stdout"));
        let mut browser =
            Self { _process: process, _profile: profile, orders, answers, session: None, sent: 0 };
        let tab = browser.call("Target.createTarget", &json!({"url": "about:blank"})).await;
        let tab = json!({"targetId": tab["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &tab).await;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", &json!({})).await;
        browser
    }

    /// Gives the page that many CSS pixels.
    pub async fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size).await;
    }

    /// Opens an address and waits until it is loaded.
    pub async fn open(&mut self, address: &str) {
        let opened = self.call("Page.navigate", &json!({"url": address})).await;
        assert_eq!(opened["errorText"], Value::Null, "{address}");
        loop {
            if self.next().await["method"] == "Page.loadEventFired" {
                return;
            }
        }
    }

    /// The value of an expression on the page, whatever its content policy forbids.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "returnByValue": true});
        let told = self.call("Runtime.evaluate", &ask).await;
        assert_eq!(told["exceptionDetails"], Value::Null, "{expression}");
        told["result"]["value"].clone()
    }

    /// Waits until an expression is true on the page.
    pub async fn wait_for(&mut self, expression: &str) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.evaluate(expression).await != true {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("never true: {expression}"));
    }

    async fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.orders.write_all(&bytes).await.expect("chromium listens");
        loop {
            let mut answer = self.next().await;
            if answer["id"] == self.sent {
                assert_eq!(answer["error"], Value::Null, "{method}");
                return answer["result"].take();
            }
        }
    }

    async fn next(&mut self) -> Value {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.answers.read_until(0, &mut bytes)).await;
        read.expect("an answer in time").expect("chromium answers");
        assert_eq!(bytes.pop(), Some(0), "chromium ended");
        serde_json::from_slice(&bytes).expect("JSON")
    }
}
