//! The same request, however often it is sent, is done once.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, run};
use crate::ledger::Role;

const TOKENS: &str = "/api/v1/tokens";

async fn make(world: &World, token: &str, key: &str, body: &Value) -> Answer {
    let ask = world.ask(Method::POST, TOKENS).token(token).header("idempotency-key", key);
    ask.body(body).send().await
}

#[test]
fn a_repeated_request_gets_the_first_answer() {
    run(async |world| {
        let admin = world.token(Role::Admin, None).await;
        let body = json!({"name": "scanner", "role": "viewer"});
        let first = make(world, &admin, "k-1", &body).await;
        let made = first.expect(201);
        let again = make(world, &admin, "k-1", &body).await;
        assert_eq!(again.expect(201), made);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert!(first.headers.get("idempotency-replayed").is_none());
        let tokens = world.get(TOKENS).await.expect(200);
        let scanners = tokens["data"].as_array().unwrap().iter().filter(|t| t["name"] == "scanner");
        assert_eq!(scanners.count(), 1);

        // What is kept does not hold the token in the clear.
        let scope = format!("token {}", tokens["data"][0]["id"]);
        let kept = world.desk.ledger.answer(&scope, "k-1").await.unwrap().unwrap();
        let token = made["token"].as_str().unwrap().as_bytes();
        assert!(!kept.body.windows(token.len()).any(|part| part == token));
    });
}

#[test]
fn a_key_belongs_to_one_request_of_one_caller() {
    run(async |world| {
        let admin = world.token(Role::Admin, None).await;
        let other = world.token(Role::Admin, None).await;
        let body = json!({"name": "scanner", "role": "viewer"});
        make(world, &admin, "k-1", &body).await.expect(201);
        let changed = json!({"name": "scanner", "role": "admin"});
        make(world, &admin, "k-1", &changed).await.problem(422, "idempotency-key-reused");
        let theirs = make(world, &other, "k-1", &body).await;
        assert!(theirs.headers.get("idempotency-replayed").is_none());
        theirs.expect(201);
        make(world, &admin, "", &body).await.problem(400, "malformed-request");
        make(world, "isk_unknown", "k-1", &body).await.problem(401, "unauthorized");
    });
}

#[test]
fn a_request_that_was_not_done_may_be_sent_again() {
    run(async |world| {
        let admin = world.token(Role::Admin, None).await;
        let wrong = json!({"name": "scanner", "role": "king"});
        make(world, &admin, "k-1", &wrong).await.problem(422, "invalid");
        make(world, &admin, "k-1", &json!({"name": "s", "role": "viewer"})).await.expect(201);
    });
}

#[test]
fn the_same_request_many_times_at_once_is_done_once() {
    run(async |world| {
        let admin = world.token(Role::Admin, None).await;
        let body = json!({"name": "scanner", "role": "viewer"});
        let all = (0..8).map(|_| make(world, &admin, "k-1", &body));
        let answers = futures_util::future::join_all(all).await;
        let made = make(world, &admin, "k-1", &body).await.expect(201);
        for answer in answers {
            // Whether it came during the first or after it is a matter of luck.
            if answer.status == 409 {
                answer.problem(409, "request-in-flight");
            } else {
                assert_eq!(answer.expect(201), made);
            }
        }
        let tokens = world.get(TOKENS).await.expect(200);
        let scanners = tokens["data"].as_array().unwrap().iter().filter(|t| t["name"] == "scanner");
        assert_eq!(scanners.count(), 1);
    });
}
