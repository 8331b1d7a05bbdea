//! What a licence's status and term do to lookup and delivery, and changes of status that are
//! sent again.

use super::delivery::{Home, MATTER, home_config};
use super::*;
use crate::clock::FixedClock;

impl Home {
    fn change(&self, status: &str, key: &str) -> Request<Body> {
        let address = format!("{}/status", self.address(0));
        let mut asked = request(
            "POST",
            &address,
            ALL,
            json!({ "status": status }).to_string(),
        );
        asked
            .headers_mut()
            .insert("idempotency-key", key.parse().expect("a header"));
        asked
    }

    async fn file_refused(&self, number: usize, code: &str) {
        let permit = self.permit(number, MATTER).await.json();
        let id = permit["id"].as_str().expect("an id");
        let file = format!("{}/file?permit={id}", self.address(number));
        let refused = self.node.ask(request("GET", &file, ALL, "")).await;
        check_problem(&refused, 409, code);
    }

    async fn shown(&self, number: usize) -> Value {
        let asked = request("GET", &self.address(number), ALL, "");
        self.node.ask(asked).await.json()
    }

    /// The same node on the same folder, started again by `clock`.
    async fn restarted(self, clock: Arc<dyn Clock>) -> Self {
        let Self { node, items } = self;
        let TestNode { running, _folder } = node;
        running.shutdown().await;
        let bus = EmbeddedBus::open(&_folder.path().join("bus.sqlite"))
            .await
            .expect("a bus");
        let config = home_config(_folder.path(), &items);
        let running = Node::start(config, Arc::new(bus), clock)
            .await
            .expect("a node");
        let node = TestNode { running, _folder };
        Self { node, items }
    }
}

#[tokio::test]
async fn a_suspended_licence_is_shown_and_its_file_is_not_delivered() {
    let home = Home::start().await;
    let suspended = home.node.ask(home.change("02", "k-1")).await;
    assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.text);
    assert_eq!(suspended.json()["revision"], 2);
    let unnamed = json!({ "status": "01" }).to_string();
    let unnamed = request("POST", &format!("{}/status", home.address(0)), ALL, unnamed);
    check_problem(&home.node.ask(unnamed).await, 400, "BAD_REQUEST");
    let shown = home.shown(0).await;
    assert_eq!(shown["status"]["usable"], false);
    assert_eq!(shown["in_force"], false);
    home.file_refused(0, "NOT_USABLE").await;
}

#[tokio::test]
async fn a_licence_whose_term_is_over_is_shown_as_such_and_its_file_is_not_delivered() {
    let home = Home::start().await;
    let until = home.shown(1).await["entry"]["valid_until"].clone();
    let last_day = schemas::date::parse_date(until.as_str().expect("a term")).expect("a date");
    // The last second of the last day in Shanghai, which is 16:00 in UTC.
    let last = last_day.and_hms_opt(15, 59, 59).expect("a time").and_utc();
    let clock = Arc::new(FixedClock::at(last));
    let home = home.restarted(Arc::clone(&clock) as Arc<dyn Clock>).await;
    assert_eq!(home.shown(1).await["in_force"], true);
    clock.advance(chrono::Duration::seconds(1));
    let shown = home.shown(1).await;
    assert_eq!(shown["in_force"], false);
    assert_eq!(
        shown["status"]["usable"], true,
        "the status says nothing of the term"
    );
    home.file_refused(1, "NOT_IN_FORCE").await;
}

#[tokio::test]
async fn a_change_sent_again_is_answered_as_before_even_after_a_restart() {
    let home = Home::start().await;
    let first = home.node.ask(home.change("02", "k-1")).await.json();
    let back = home.node.ask(home.change("01", "k-2")).await.json();
    assert_eq!(back["revision"], 3);
    let unchanged = home.node.ask(home.change("01", "k-3")).await.json();
    assert_eq!(unchanged["revision"], 3, "the status was that already");
    let home = home.restarted(Arc::new(SystemClock)).await;
    for (status, key, answer) in [("02", "k-1", &first), ("01", "k-3", &unchanged)] {
        let again = home.node.ask(home.change(status, key)).await;
        assert_eq!(again.json(), *answer, "{key}");
    }
    assert_eq!(
        home.shown(0).await["entry"]["revision"],
        3,
        "no fourth revision"
    );
    let other = home.node.ask(home.change("03", "k-1")).await;
    check_problem(&other, 422, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn the_same_change_twice_at_once_takes_effect_once() {
    let home = Home::start().await;
    let routes = routes(home.node.shared());
    let ask = || routes.clone().oneshot(home.change("02", "k-1"));
    let (one, other) = tokio::join!(ask(), ask());
    let one = answer(one.expect("infallible")).await.json();
    assert_eq!(one, answer(other.expect("infallible")).await.json());
    assert_eq!(one["revision"], 2);
}
