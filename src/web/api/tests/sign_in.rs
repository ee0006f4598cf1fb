//! Signing in on the pages: links, tokens, sessions.

use actix_web::http::Method;
use serde_json::json;

use super::world::{Answer, Ask, World, order, run};
use crate::ledger::Role;

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

fn with_form<'a>(world: &'a World, path: &str, token: &str) -> Ask<'a> {
    let ask = world.ask(Method::POST, path).raw(&format!("token={token}"));
    ask.header("content-type", "application/x-www-form-urlencoded")
}

#[test]
fn a_link_opens_one_session_once() {
    run(async |world| {
        let code = world.gate.new_link_code();
        let opened = world.ask(Method::GET, &format!("/?t={code}")).send().await;
        assert_eq!((opened.status, opened.header("location")), (303, "/"));
        let set = opened.header("set-cookie");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
        assert!(!set.contains("Secure") && !set.contains(&code), "{set}");

        let page = world.ask(Method::GET, "/").header("cookie", &cookie(&opened)).send().await;
        assert!(page.status == 200 && page.text.contains("admin (link)"), "{page:?}");
        let again = world.ask(Method::GET, &format!("/?t={code}")).send().await;
        again.problem(401, "unauthorized");
        world.ask(Method::GET, "/?t=guessed").send().await.problem(401, "unauthorized");
    });
}

#[test]
fn behind_https_the_cookie_is_pinned_to_the_host() {
    run(async |world| {
        let code = world.gate.new_link_code();
        let ask = world.ask(Method::GET, &format!("/?t={code}"));
        let opened = ask.header("x-forwarded-proto", "https").send().await;
        let set = opened.header("set-cookie");
        assert!(set.starts_with("__Host-instasync_session=") && set.contains("Secure"), "{set}");
        let page =
            world.ask(Method::GET, "/orders").header("cookie", &cookie(&opened)).send().await;
        assert_eq!(page.status, 200);
    });
}

#[test]
fn a_token_signs_in_and_out_and_its_revocation_ends_the_session() {
    run(async |world| {
        let token = world.token(Role::Viewer, None).await;
        let form = world.ask(Method::GET, "/login").send().await;
        assert!(form.status == 200 && form.text.contains("name=\"token\""), "{form:?}");
        let led = world.ask(Method::GET, "/").send().await;
        assert_eq!((led.status, led.header("location")), (303, "/login"));

        let opened = with_form(world, "/login", &token).send().await;
        assert_eq!((opened.status, opened.header("location")), (303, "/"));
        let session = cookie(&opened);
        let read = async || {
            world.ask(Method::GET, "/api/v1/orders").header("cookie", &session).send().await
        };
        read().await.expect(200);
        let act = world.ask(Method::POST, "/admin/stores/pine/pause").header("cookie", &session);
        act.send().await.problem(403, "forbidden");

        let out = world.ask(Method::POST, "/logout").header("cookie", &session).send().await;
        assert_eq!((out.status, out.header("location")), (303, "/login"));
        assert!(out.header("set-cookie").contains("Max-Age=0"));
        read().await.problem(401, "unauthorized");

        let session = cookie(&with_form(world, "/login", &token).send().await);
        let read = async || {
            world.ask(Method::GET, "/api/v1/orders").header("cookie", &session).send().await
        };
        read().await.expect(200);
        let tokens = world.get("/api/v1/tokens").await.expect(200);
        let id = tokens["data"][0]["id"].as_i64().unwrap();
        let revoke = world.ask(Method::DELETE, &format!("/api/v1/tokens/{id}")).trusted();
        assert_eq!(revoke.send().await.status, 204);
        read().await.problem(401, "unauthorized");
        world
            .ask(Method::GET, "/api/v1/orders")
            .token(&token)
            .send()
            .await
            .problem(401, "unauthorized");
    });
}

#[test]
fn another_site_cannot_act_through_a_session() {
    run(async |world| {
        world.store("pine").await;
        let id = world.deliver("pine", &order(5)).await["id"].as_str().unwrap().to_owned();
        let code = world.gate.new_link_code();
        let session = cookie(&world.ask(Method::GET, &format!("/?t={code}")).send().await);
        let archive = |header: (&str, &str)| {
            let ask = world.ask(Method::POST, &format!("/api/v1/orders/{id}/archive"));
            ask.header("cookie", &session).header(header.0, header.1)
        };
        for foreign in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")] {
            archive(foreign).send().await.problem(403, "foreign-site");
        }
        archive(("sec-fetch-site", "same-origin")).send().await.expect(200);
        for path in ["/login", "/logout"] {
            let forged = with_form(world, path, "x").header("sec-fetch-site", "cross-site");
            forged.send().await.problem(403, "foreign-site");
        }
    });
}

#[test]
fn guessing_on_the_login_page_is_slowed_down() {
    run(async |world| {
        let token = world.token(Role::Viewer, None).await;
        for _ in 0..5 {
            let failed = with_form(world, "/login", "isk_guess").send().await;
            assert!(failed.status == 401 && failed.text.contains("role=\"alert\""), "{failed:?}");
        }
        let late = with_form(world, "/login", &token).send().await;
        late.problem(429, "too-many-attempts");
        let wait: u64 = late.header("retry-after").parse().unwrap();
        assert!((1..=300).contains(&wait), "{wait}");
        // Tools are not held up by what happens on the page.
        world.ask(Method::GET, "/api/v1/orders").token(&token).send().await.expect(200);
    });
}

#[test]
fn what_is_no_token_opens_nothing() {
    run(async |world| {
        for value in ["Bearer isk_x", "Bearer", "Basic YTpi", "isk_x", "Bearer "] {
            let ask = world.ask(Method::GET, "/api/v1/orders").header("authorization", value);
            ask.send().await.problem(401, "unauthorized");
        }
        let made = world.post("/api/v1/tokens", &json!({"name": "n", "role": "viewer"})).await;
        let made = made.expect(201);
        assert!(made["token"].as_str().unwrap().starts_with("isk_"), "{made}");
        let listed = world.get("/api/v1/tokens").await;
        assert!(!listed.text.contains("isk_") && !listed.text.contains("hash"), "{listed:?}");
    });
}
