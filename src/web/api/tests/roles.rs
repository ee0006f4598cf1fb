//! Who may do what: every route against every role.

use actix_web::http::Method;
use serde_json::json;

use super::world::{World, order, run};
use crate::ledger::Role;

/// The least role that may; `None`: nobody needs to be signed in.
type Need = Option<Role>;

const VIEWER: Need = Some(Role::Viewer);
const OPERATOR: Need = Some(Role::Operator);
const ADMIN: Need = Some(Role::Admin);

const ROUTES: &[(&str, &str, Need)] = &[
    ("GET", "/openapi.json", VIEWER),
    ("GET", "/problems/conflict", None),
    ("GET", "/login", None),
    ("GET", "/api/v1/stores", VIEWER),
    ("POST", "/api/v1/stores", ADMIN),
    ("GET", "/api/v1/stores/pine", VIEWER),
    ("PATCH", "/api/v1/stores/pine", ADMIN),
    ("DELETE", "/api/v1/stores/nothing", ADMIN),
    ("GET", "/api/v1/stores/pine/tasks", VIEWER),
    ("POST", "/api/v1/stores/pine/orders/fetch", OPERATOR),
    ("POST", "/api/v1/stores/pine/orders/re-examine", OPERATOR),
    ("GET", "/api/v1/stores/pine/rules/history", VIEWER),
    ("GET", "/api/v1/runs", VIEWER),
    ("GET", "/api/v1/runs/run_1", VIEWER),
    ("GET", "/api/v1/orders", VIEWER),
    ("GET", "/api/v1/orders/ord_1_5", VIEWER),
    ("PATCH", "/api/v1/orders/ord_1_5", OPERATOR),
    ("GET", "/api/v1/orders/ord_1_5/timeline", VIEWER),
    ("POST", "/api/v1/orders/ord_1_6/cancel", OPERATOR),
    ("POST", "/api/v1/orders/ord_1_6/restore", OPERATOR),
    ("POST", "/api/v1/orders/ord_1_6/ship", OPERATOR),
    ("POST", "/api/v1/orders/ord_1_6/request-dropship", OPERATOR),
    ("POST", "/api/v1/orders/ord_1_6/archive", OPERATOR),
    ("POST", "/api/v1/orders/ord_1_6/unarchive", OPERATOR),
    ("POST", "/api/v1/orders/ord_1_6/import-anyway", OPERATOR),
    ("GET", "/api/v1/orders/ord_1_5/revision", VIEWER),
    ("POST", "/api/v1/orders/ord_1_5/revision/accept", OPERATOR),
    ("POST", "/api/v1/orders/ord_1_5/revision/reject", OPERATOR),
    ("PUT", "/api/v1/stores/pine/tasks", OPERATOR),
    ("POST", "/api/v1/stores/pine/sync", OPERATOR),
    ("POST", "/api/v1/runs/run_1/cancel", OPERATOR),
    ("GET", "/api/v1/events", VIEWER),
    ("GET", "/api/v1/events/ev_1", VIEWER),
    ("POST", "/api/v1/events/replay", OPERATOR),
    ("GET", "/api/v1/lookup?q=5", VIEWER),
    ("GET", "/api/v1/attention", VIEWER),
    ("GET", "/api/v1/products", VIEWER),
    ("GET", "/api/v1/export/orders.csv", VIEWER),
    ("GET", "/api/v1/accounts", ADMIN),
    ("POST", "/api/v1/accounts", ADMIN),
    ("GET", "/api/v1/tokens", ADMIN),
    ("POST", "/api/v1/tokens", ADMIN),
    ("DELETE", "/api/v1/tokens/999", ADMIN),
    ("GET", "/admin/actors", VIEWER),
    ("GET", "/admin/stores/pine/actor", VIEWER),
    ("POST", "/admin/stores/pine/restart", OPERATOR),
    ("POST", "/admin/stores/pine/pause", OPERATOR),
    ("POST", "/admin/stores/pine/resume", OPERATOR),
];

async fn world(world: &World) -> [(Option<Role>, Option<String>); 4] {
    world.store("pine").await;
    world.deliver("pine", &order(5)).await;
    [
        (None, None),
        (VIEWER, Some(world.token(Role::Viewer, None).await)),
        (OPERATOR, Some(world.token(Role::Operator, None).await)),
        (ADMIN, Some(world.token(Role::Admin, None).await)),
    ]
}

#[test]
fn every_route_asks_for_its_role_and_no_more() {
    run(async |world| {
        for (role, token) in self::world(world).await {
            for (method, path, need) in ROUTES {
                let mut ask = world.ask(method.parse::<Method>().unwrap(), path);
                if let Some(token) = &token {
                    ask = ask.token(token);
                }
                let answer = ask.send().await;
                let told = format!("{method} {path} as {role:?}: {answer:?}");
                match (need, role) {
                    (Some(_), None) => {
                        answer.problem(401, "unauthorized");
                        assert_eq!(answer.header("www-authenticate"), "Bearer");
                    }
                    (Some(need), Some(role)) if role < *need => {
                        answer.problem(403, "forbidden");
                    }
                    _ => assert!(!matches!(answer.status, 401 | 403 | 500..), "{told}"),
                }
            }
        }
    });
}

#[test]
fn every_known_path_is_in_the_matrix() {
    run(async |world| {
        let document = world.get("/openapi.json").await.expect(200);
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                let fits = |route: &str| {
                    let route = route.split('?').next().unwrap();
                    let (mine, theirs) = (route.split('/'), path.split('/'));
                    mine.clone().count() == theirs.clone().count()
                        && mine.zip(theirs).all(|(a, b)| a == b || b.starts_with('{'))
                };
                let known =
                    ROUTES.iter().any(|(m, p, _)| m.eq_ignore_ascii_case(method) && fits(p));
                assert!(known, "{method} {path}");
            }
        }
    });
}

#[test]
fn the_socket_is_an_admin_and_timelines_name_who_acted() {
    run(async |world| {
        world.store("pine").await;
        let id = world.deliver("pine", &order(5)).await["id"].as_str().unwrap().to_owned();
        world.post(&format!("/api/v1/orders/{id}/cancel"), &json!({})).await.expect(200);
        let token = world.token(Role::Operator, None).await;
        let restore = world.ask(Method::POST, &format!("/api/v1/orders/{id}/restore"));
        restore.token(&token).send().await.expect(200);
        let timeline = world.get(&format!("/api/v1/orders/{id}/timeline")).await.expect(200);
        let by: Vec<_> = timeline["data"].as_array().unwrap().iter().map(|e| &e["by"]).collect();
        assert_eq!(by, ["Shopify", "admin (local)", "operator of the tests"]);
        assert_eq!(timeline["data"][1]["text"], "Cancelled by admin (local).");
    });
}

#[test]
fn what_is_not_there_or_not_yet_there_says_so() {
    run(async |world| {
        world.store("pine").await;
        world.get("/api/v1/comets").await.problem(404, "no-such-route");
        world.get("/nowhere").await.problem(404, "no-such-route");
        world.get("/api/v1/products").await.problem(404, "not-in-this-build");
        world.get("/api/v1/orders/ord_1_5/cancel").await.problem(405, "wrong-method");
        let large = "x".repeat(100_000);
        let answer = world.ask(Method::POST, "/api/v1/accounts").trusted().raw(&large).send().await;
        answer.problem(413, "body-too-large");
        let page =
            world.ask(Method::GET, "/api/v1/comets").header("accept", "text/html").send().await;
        assert!(page.status == 404 && page.text.contains("<h1>"), "{page:?}");
        let traced = world
            .ask(Method::GET, "/nowhere")
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let problem = traced.send().await.problem(404, "no-such-route");
        assert_eq!(problem["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(problem["instance"], "/nowhere");
    });
}

#[test]
fn every_kind_of_problem_has_its_page() {
    run(async |world| {
        for kind in crate::web::problem::Kind::ALL {
            let page = world.ask(Method::GET, &format!("/problems/{}", kind.slug())).send().await;
            assert_eq!(page.status, 200, "{kind:?}");
            assert!(page.text.contains(kind.title()), "{kind:?}");
        }
        world.get("/problems/none-such").await.problem(404, "not-found");
    });
}
