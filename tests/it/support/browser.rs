//! A browser without scripts and pictures.

use reqwest::{Client, StatusCode, redirect};

/// It signs in once and keeps the cookie.
pub struct Browser {
    client: Client,
    base: String,
    cookie: String,
}

impl Browser {
    /// Follows a one-time link.
    pub async fn open(link: &str) -> Self {
        let client = client();
        let answer = client.get(link).send().await.unwrap();
        Self { client, base: link.split("/?").next().unwrap().to_owned(), cookie: cookie(&answer) }
    }

    /// Signs in with a token on the page for it.
    pub async fn sign_in(base: &str, token: &str) -> Self {
        let client = client();
        let form = [("token", token)];
        let answer = client.post(format!("{base}/login")).form(&form).send().await.unwrap();
        Self { client, base: base.to_owned(), cookie: cookie(&answer) }
    }

    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.base));
        let request = request.header("cookie", &self.cookie).header("accept", "text/html");
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Sends a form; gives status, where it leads, and the page.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> (StatusCode, String, String) {
        let request = self.client.post(format!("{}{path}", self.base)).form(form);
        let request = request.header("cookie", &self.cookie).header("accept", "text/html");
        let answer = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status(), to.unwrap_or_default(), answer.text().await.unwrap())
    }
}

fn client() -> Client {
    Client::builder().redirect(redirect::Policy::none()).build().unwrap()
}

/// The cookie that signing in gave.
fn cookie(answer: &reqwest::Response) -> String {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}
