//! The register of seals over HTTP, and what a node trusts.

use super::delivery::Home;
use super::*;

const SM3: &str = "abababababababababababababababababababababababababababababababab";

fn change(sm3: &str, key: &str, body: &Value) -> Request<Body> {
    let address = format!("/v1/seals/{sm3}/status");
    let mut asked = request("PUT", &address, ALL, body.to_string());
    asked
        .headers_mut()
        .insert("idempotency-key", key.parse().expect("a header"));
    asked
}

#[tokio::test]
async fn a_registrar_suspends_and_revokes_a_seal() {
    let home = Home::start().await;
    let shown = || request("GET", &format!("/v1/seals/{SM3}"), ALL, "");
    check_problem(&home.node.ask(shown()).await, 404, "NOT_FOUND");

    let suspended = json!({ "es_id": "3301", "status": "suspended", "reason": "investigation" });
    let first = home.node.ask(change(SM3, "k-1", &suspended)).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let again = home.node.ask(change(SM3, "k-1", &suspended)).await;
    assert_eq!(again.text, first.text, "sent again, answered the same");
    let revoked = json!({ "es_id": "3301", "status": "revoked" });
    let reused = home.node.ask(change(SM3, "k-1", &revoked)).await;
    check_problem(&reused, 422, "IDEMPOTENCY_KEY_REUSED");
    let second = home.node.ask(change(SM3, "k-2", &revoked)).await.json();
    assert_eq!(second["status"], "revoked");
    assert_eq!(second["suspensions"].as_array().map(Vec::len), Some(1));
    assert_eq!(home.node.ask(shown()).await.json(), second);
    let back = json!({ "es_id": "3301", "status": "active" });
    let back = home.node.ask(change(SM3, "k-3", &back)).await;
    check_problem(&back, 400, "SEAL_STATUS_FINAL");

    let trust = request("GET", "/v1/trust", ALL, "");
    let trust = home.node.ask(trust).await.json();
    assert_eq!(trust["epoch"], 2);
    assert_eq!(trust["items"]["seal"], 1);
    assert_eq!(trust["nodes"][1]["name"], "zhejiang");
    assert_eq!(trust["nodes"][1]["regions"][0], "33");
}

#[tokio::test]
async fn malformed_changes_of_a_seal_are_refused() {
    let home = Home::start().await;
    let good = json!({ "es_id": "3301", "status": "revoked" });
    for sm3 in ["ab", &SM3.to_uppercase()] {
        let refused = home.node.ask(change(sm3, "k-1", &good)).await;
        check_problem(&refused, 400, "SEAL_STATUS_MALFORMED");
    }
    let nameless = json!({ "es_id": "", "status": "revoked" });
    let refused = home.node.ask(change(SM3, "k-1", &nameless)).await;
    check_problem(&refused, 400, "SEAL_STATUS_MALFORMED");
    let address = format!("/v1/seals/{SM3}/status");
    let unnamed = request("PUT", &address, ALL, good.to_string());
    check_problem(&home.node.ask(unnamed).await, 400, "BAD_REQUEST");
}
