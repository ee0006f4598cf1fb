//! A real daemon in a process of its own, with a folder of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::cart::{SECRET, sign};
use super::{PATIENCE, eventually};

/// The daemon's binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_instasync");

/// A folder with a configuration, a master key and, later, a database.
pub struct Home {
    folder: TempDir,
    /// Where carts reach the daemon, if that is known before it starts.
    public: Option<SocketAddr>,
}

impl Home {
    /// A fresh one; `extra` is appended to the configuration.
    pub fn new(extra: &str) -> Self {
        Self::with(extra, None)
    }

    /// A fresh one whose daemon knows under which address carts reach it, over restarts too.
    pub fn reachable(extra: &str) -> Self {
        Self::with(extra, Some(own_address()))
    }

    fn with(extra: &str, public: Option<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Self { folder, public };
        std::fs::write(home.path("master.key"), [7; 32]).expect("a key");
        home.configure(extra);
        home
    }

    /// Writes the configuration anew.
    pub fn configure(&self, extra: &str) {
        let public = match self.public {
            Some(at) => format!("listen = \"{at}\"\nurl = \"http://{at}\""),
            None => "listen = \"127.0.0.1:0\"".to_owned(),
        };
        let config = format!(
            "[public]\n{public}\n\n[private]\nlisten = \"127.0.0.1:0\"\nsocket = \"{}\"\n\n\
             [database]\nurl = \"sqlite:{}\"\n\n[secrets]\nmaster_key_file = \"{}\"\n\n\
             [outbound]\nallow_private = true\ntimeout = \"3s\"\n\n[log]\nformat = \"json\"\n\n{extra}",
            self.path("private.sock").display(),
            self.path("data/instasync.db").display(),
            self.path("master.key").display(),
        );
        std::fs::write(self.path("config.toml"), config).expect("a configuration");
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in it with that content.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// Starts the daemon and waits until both listeners are up.
    pub async fn start(&self) -> Daemon {
        Daemon::start(&self.path("config.toml")).await
    }

    /// Runs a command of the command line against this home.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let output = Command::new(BINARY)
            .args(arguments)
            .env("INSTASYNC_CONFIG", self.path("config.toml"))
            .stdin(Stdio::null())
            .output()
            .await
            .expect("the binary runs");
        Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Connects a store without calling its cart.
    pub async fn add_store(&self, slug: &str) {
        let secret = self.file("client.secret", SECRET);
        let domain = format!("{slug}.myshopify.com");
        let added = self
            .run(&[
                "store",
                "add",
                "--channel",
                "shopify",
                "--domain",
                &domain,
                "--name",
                slug,
                "--client-id",
                "client",
                "--client-secret-file",
                &secret.to_string_lossy(),
                "--no-connect",
            ])
            .await;
        assert!(added.status.success(), "store add: {added:?}");
    }
}

/// A free port of a loopback address that no other test has, so that nobody takes it before the
/// daemon does.
fn own_address() -> SocketAddr {
    static HOMES: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let third = HOMES.fetch_add(1, Ordering::Relaxed);
    let host = Ipv4Addr::new(127, 100 + third, high, low);
    let listener = std::net::TcpListener::bind((host, 0)).expect("a loopback address");
    listener.local_addr().expect("a port")
}

/// What a command printed.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Its exit code.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Its standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    pub public: String,
    pub private: String,
    client: Client,
    token: Option<String>,
    pub log: mpsc::UnboundedReceiver<String>,
}

static DELIVERIES: AtomicU64 = AtomicU64::new(1);

impl Daemon {
    /// Starts `serve` with that configuration.
    pub async fn start(config: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command.arg("serve").arg("--config").arg(config);
        Self::spawn(command).await
    }

    /// Starts a command that serves, and waits for its listeners.
    pub async fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the daemon starts");
        let stderr = child.stderr.take().expect("stderr");
        let (lines, mut log) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut reader = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                let _closed = lines.send(line);
            }
        });
        let (mut public, mut private, mut seen) = (None, None, Vec::new());
        let listening = tokio::time::timeout(PATIENCE, async {
            while public.is_none() || private.is_none() {
                let Some(line) = log.recv().await else { return };
                if let Ok(entry) = serde_json::from_str::<Value>(&line)
                    && entry["message"] == "listening"
                {
                    let address = entry["addr"].as_str().expect("addr").to_owned();
                    match entry["listener"].as_str() {
                        Some("public") => public = Some(address),
                        Some("private") if !address.contains('/') => private = Some(address),
                        _ => {}
                    }
                }
                seen.push(line);
            }
        });
        listening.await.unwrap_or_else(|_| panic!("no listeners: {seen:#?}"));
        let (Some(public), Some(private)) = (public, private) else {
            panic!("the daemon ended: {seen:#?}")
        };
        let client = Client::builder().timeout(PATIENCE).build().expect("a client");
        Self {
            child,
            public: format!("http://{public}"),
            private: format!("http://{private}"),
            client,
            token: None,
            log,
        }
    }

    /// Makes an admin token through the private socket, for [`Daemon::call`].
    pub async fn sign_in(&mut self, home: &Home) {
        let made =
            home.run(&["token", "create", "--role", "admin", "--name", "test", "--json"]).await;
        self.token = Some(made.json()["token"].as_str().expect("a token").to_owned());
    }

    /// The token of [`Daemon::sign_in`].
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("somebody signed in")
    }

    /// Sends a body as the cart of `store` would; gives the answer's status.
    pub async fn deliver(&self, store: &str, topic: &str, body: &Value) -> StatusCode {
        let id = DELIVERIES.fetch_add(1, Ordering::Relaxed);
        self.deliver_as(store, topic, &body.to_string(), &format!("delivery-{id}")).await
    }

    /// The same with raw bytes and a delivery id of the test's own.
    pub async fn deliver_as(&self, store: &str, topic: &str, body: &str, id: &str) -> StatusCode {
        let signature = sign(SECRET, body.as_bytes());
        self.try_deliver(store, topic, body, id, &signature).await.expect("an answer")
    }

    /// The same; `None` when there was no answer.
    pub async fn try_deliver(
        &self,
        store: &str,
        topic: &str,
        body: &str,
        id: &str,
        signature: &str,
    ) -> Option<StatusCode> {
        let answer = self
            .client
            .post(format!("{}/webhooks/shopify/{store}", self.public))
            .header("X-Shopify-Topic", topic)
            .header("X-Shopify-Hmac-Sha256", signature)
            .header("X-Shopify-Shop-Domain", format!("{store}.myshopify.com"))
            .header("X-Shopify-Webhook-Id", id)
            .header("X-Shopify-API-Version", "2026-10")
            .header("Content-Type", "application/json")
            .body(body.to_owned())
            .send()
            .await;
        answer.ok().map(|answer| answer.status())
    }

    /// Calls the private API.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.private));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or_else(|_| json!(text)))
    }

    /// Reads from the private API; anything but 200 fails the test.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// The order with that cart id, once it satisfies the test.
    pub async fn order(&self, store: &str, id: u64, fits: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/v1/orders?store={store}&cart_order_id={id}");
        eventually(&format!("order {id} of {store}"), || async {
            let page = self.get(&path).await;
            page["data"].as_array()?.first().filter(|order| fits(order)).cloned()
        })
        .await
    }

    /// All events of a store, once none of them waits.
    pub async fn settled(&self, store: &str) -> Vec<Value> {
        let began = tokio::time::Instant::now();
        loop {
            let events = self.events(store).await;
            let is_open =
                |event: &&Value| matches!(event["state"].as_str(), Some("waiting" | "retrying"));
            let open: Vec<_> = events.iter().filter(is_open).collect();
            if open.is_empty() {
                return events;
            }
            assert!(began.elapsed() < PATIENCE, "these events of {store} wait: {open:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All events of a store, newest first, over all pages.
    pub async fn events(&self, store: &str) -> Vec<Value> {
        self.all(&format!("/api/v1/events?store={store}&limit=200")).await
    }

    /// All orders of a store, held-back ones left out, over all pages.
    pub async fn orders(&self, store: &str) -> Vec<Value> {
        self.all(&format!("/api/v1/orders?store={store}&limit=200")).await
    }

    /// Every row of a list.
    async fn all(&self, list: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut path = list.to_owned();
        loop {
            let page = self.get(&path).await;
            rows.extend(page["data"].as_array().expect("data").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return rows };
            path = format!("{list}&cursor={cursor}");
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("running")
    }

    /// Asks it to end, as systemd does, and waits for it.
    pub async fn terminate(mut self) -> ExitStatus {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill runs");
        assert!(sent.success());
        let ended = tokio::time::timeout(PATIENCE + Duration::from_secs(15), self.child.wait());
        ended.await.expect("it ends").expect("a status")
    }
}
