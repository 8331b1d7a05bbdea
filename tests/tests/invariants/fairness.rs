//! Invariant 8, in company: whoever asks too often is told so and when to come back, and nobody
//! else waits for it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, Request, StatusCode};
use hub::directory;
use hub::refusal::Refusal;
use hub::trace::{TRACEPARENT, Trace};
use schemas::identifier::Identifier;
use tests::{NATIONAL, SICHUAN, TOKEN, TestHub, ZHEJIANG, caller, eventually};
use tower::ServiceExt;

use crate::wire::about_a_seal;

const OTHER_TOKEN: &str = "the token of another caller";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_asks_too_often_waits_alone() {
    let mut hub = TestHub::start(1, 0).await;
    hub.restart_with(SICHUAN, |config| {
        let mut other = config.callers[0].clone();
        other.system.push_str("-2");
        other.token_sm3 = hex::encode(certs::digest::sm3(OTHER_TOKEN.as_bytes()));
        config.callers.push(other);
        // Slow enough that a slow machine does not fill the bucket again.
        config.limits.caller_requests_per_s = 1;
        config.limits.caller_burst = 3;
    })
    .await;
    // One set of routes: the buckets belong to it.
    let routes = hub::http::router(Arc::clone(hub.node(SICHUAN)));
    let ask = async |token: &str| {
        let request = Request::get("/v1/log/head")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .expect("a request");
        let answer = routes.clone().oneshot(request).await.expect("infallible");
        (answer.status(), answer.headers().clone())
    };
    let mut refused: Option<HeaderMap> = None;
    for number in 0..200 {
        let (status, headers) = ask(TOKEN).await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(headers);
            break;
        }
        assert_eq!(status, StatusCode::OK, "request {number}");
    }
    let refused = refused.expect("a flood is refused");
    let wait = refused[RETRY_AFTER].to_str().expect("a number");
    assert!((1..=2).contains(&wait.parse::<u32>().expect("seconds")));
    assert_eq!(ask(OTHER_TOKEN).await.0, StatusCode::OK);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_floods_another_waits_alone() {
    let mut hub = TestHub::start(1, 0).await;
    hub.sync().await;
    hub.restart_with(NATIONAL, |config| {
        config.limits.peer_questions_per_s = 1;
        config.limits.peer_burst = 2;
    })
    .await;
    let ask = async |node: &str, number: u32| {
        // Another licence each time: what is known already is not asked again.
        let known = hub.identifier(0);
        let serial = format!("FLOOD{number:05}");
        let identifier = Identifier::build(known.type_code(), known.issuer_code(), &serial, 1);
        let identifier = identifier.expect("an identifier");
        directory::lookup(hub.node(node), &caller(), &identifier).await
    };
    let mut refused = None;
    for number in 0..200 {
        match ask(SICHUAN, number).await {
            Ok(found) => assert!(found.is_none(), "there is no such licence"),
            Err(refusal) => {
                refused = Some(refusal);
                break;
            }
        }
    }
    let refused = refused.expect("a flood is refused");
    assert!(matches!(refused, Refusal::Overloaded { .. }), "{refused:?}");
    assert!(hub.leaves(NATIONAL, "refuse", "OVERLOADED").await > 0);
    let other = ask(ZHEJIANG, 999)
        .await
        .expect("the other node is answered");
    assert!(other.is_none(), "there is no such licence");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_questions_about_seals_is_not_answered() {
    const QUESTIONS: i64 = 50;
    let mut hub = TestHub::start(1, 0).await;
    hub.restart_with(ZHEJIANG, |config| {
        config.limits.peer_questions_per_s = 1;
        config.limits.peer_burst = 2;
    })
    .await;
    let questions = (0..QUESTIONS).map(|_| about_a_seal(&hub)).collect();
    hub.bus.publish(questions).await.expect("publishes");
    let counts = async || {
        let answered = hub.leaves(ZHEJIANG, "seal_status", "*").await;
        let refused = hub.leaves(ZHEJIANG, "refuse", "OVERLOADED").await;
        (answered, refused)
    };
    eventually("every question is recorded", async || {
        let (answered, refused) = counts().await;
        answered + refused == QUESTIONS
    })
    .await;
    let (answered, refused) = counts().await;
    assert!(answered >= 2 && refused > 0, "{answered} and {refused}");
    hub.settle().await;
    let answers = hub.records("replies.sichuan").await.len();
    assert_eq!(i64::try_from(answers), Ok(answered));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_with_the_question_and_its_answer() {
    let hub = TestHub::start(1, 0).await;
    hub.sync().await;
    let trace = Trace::begin();
    let (asker, identifier) = (caller(), hub.identifier(0));
    let lookup = directory::lookup(hub.node(SICHUAN), &asker, &identifier);
    let found = trace.clone().scope(lookup).await.expect("an answer");
    assert!(found.is_some());
    for topic in ["requests.national", "replies.sichuan"] {
        let records = hub.records(topic).await;
        let carried = records.iter().flat_map(|record| &record.headers);
        let carried: Vec<Option<Trace>> = carried
            .filter(|(name, _)| name == TRACEPARENT)
            .map(|(_, value)| Trace::parse(value))
            .collect();
        let ids: Vec<&str> = carried.iter().flatten().map(Trace::id).collect();
        assert_eq!(ids, [trace.id()], "{topic}");
    }
    hub.stop().await;
}
