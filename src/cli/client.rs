//! Talking to the running daemon.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{CliError, Exit, Global, output};
use crate::config::{Config, LoadOptions};

/// How long a daemon may take; connecting a store calls its cart a dozen times.
const PATIENCE: Duration = Duration::from_secs(90);

/// A way to the daemon.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    /// Where it is, for the sentence that says nobody is there.
    place: String,
    json: bool,
}

impl Client {
    /// Over the private socket of the configuration, or over `--url`.
    pub(super) fn new(global: &Global) -> Result<Self, CliError> {
        if let Some(url) = &global.url {
            let token = match &global.token_file {
                Some(file) => Some(super::init::read_secret(file)?),
                None => None,
            };
            let http = builder().build().map_err(|error| broken(&error))?;
            let base = url.trim_end_matches('/').to_owned();
            return Ok(Self { http, place: base.clone(), base, token, json: global.json });
        }
        let options = LoadOptions { file: global.config.clone(), ..LoadOptions::default() };
        let (config, _) = Config::load(options)?;
        let socket = config.private.socket.ok_or_else(|| {
            CliError::new(Exit::Configuration, "private.socket is not set; use --url and a token.")
        })?;
        Self::at_socket(socket, global.json)
    }

    /// Over that private socket.
    pub(super) fn at_socket(socket: PathBuf, json: bool) -> Result<Self, CliError> {
        let place = socket.display().to_string();
        let http = builder().unix_socket(socket).build().map_err(|error| broken(&error))?;
        Ok(Self { http, base: "http://instasync".to_owned(), token: None, place, json })
    }

    /// Whether the person wants JSON.
    pub(super) fn wants_json(&self) -> bool {
        self.json
    }

    /// Reads.
    pub(super) async fn get(&self, path: &str) -> Result<Value, CliError> {
        self.call(Method::GET, path, None).await.map(|(_, body)| body)
    }

    /// Does something.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.call(Method::POST, path, Some(body)).await.map(|(_, body)| body)
    }

    /// Reads a thing together with its `ETag`.
    pub(super) async fn get_tagged(&self, path: &str) -> Result<(String, Value), CliError> {
        let (status, tag, answer) = self.send(Method::GET, path, None, None).await?;
        if status.is_success() { Ok((tag, answer)) } else { Err(problem(status, &answer)) }
    }

    /// Does something to what was read with that `ETag`, and to nothing newer.
    pub(super) async fn post_if(
        &self,
        path: &str,
        body: &Value,
        tag: &str,
    ) -> Result<Value, CliError> {
        let (status, _, answer) = self.send(Method::POST, path, Some(body), Some(tag)).await?;
        if status.is_success() { Ok(answer) } else { Err(problem(status, &answer)) }
    }

    /// Any request; problems become errors.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), CliError> {
        let (status, answer) = self.ask(method, path, body).await?;
        if status.is_success() { Ok((status, answer)) } else { Err(problem(status, &answer)) }
    }

    /// Any request, with whatever is answered.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), CliError> {
        let (status, _, answer) = self.send(method, path, body, None).await?;
        Ok((status, answer))
    }

    /// Any request: status, `ETag` and body of its answer.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        tag: Option<&str>,
    ) -> Result<(StatusCode, String, Value), CliError> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(tag) = tag {
            request = request.header("If-Match", tag);
        }
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let tag = answer.headers().get("ETag").and_then(|tag| tag.to_str().ok());
        let tag = tag.unwrap_or_default().to_owned();
        let text = answer.text().await.map_err(|error| self.unreachable(&error))?;
        Ok((status, tag, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        if error.is_timeout() {
            let sentence = format!("the daemon at {} did not answer in time.", self.place);
            return CliError::new(Exit::Unreachable, sentence);
        }
        let sentence = format!(
            "no daemon answers at {}; start it with `instasync serve`, or name another with --url.",
            self.place
        );
        CliError::new(Exit::Unreachable, sentence)
    }

    /// Prints an answer: as JSON, or as people read it.
    pub(super) fn show(&self, answer: &Value, people: impl FnOnce()) {
        if self.json { output::json(answer) } else { people() }
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().timeout(PATIENCE).no_proxy()
}

fn broken(error: &reqwest::Error) -> CliError {
    CliError::new(Exit::Error, error.to_string())
}

/// A problem as one sentence, with its fields.
fn problem(status: StatusCode, body: &Value) -> CliError {
    let detail = body["detail"].as_str().or(body["title"].as_str());
    let mut sentence =
        detail.map_or_else(|| format!("the daemon answered {status}."), str::to_owned);
    for field in body["errors"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let (pointer, detail) = (output::cell(field, "pointer"), output::cell(field, "detail"));
        // A single mistake is the whole sentence already.
        if sentence == detail {
            sentence = format!("{}: {detail}", pointer.trim_start_matches('/'));
            continue;
        }
        sentence = format!("{sentence}\n  {}: {detail}", pointer.trim_start_matches('/'));
    }
    let exit = match status.as_u16() {
        404 => Exit::NotFound,
        503 | 504 => Exit::Unreachable,
        _ => Exit::Error,
    };
    CliError::new(exit, sentence)
}
