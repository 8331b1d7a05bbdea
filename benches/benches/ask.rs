//! One lookup that another node must answer, through Kafka and with both nodes' records on
//! PostgreSQL, against a bare request and reply over the same broker.
//!
//! The bare pair sends a question and an answer of the same size, and nothing else: no signature,
//! no seal, no database, no record.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use benches::bare::Pair;
use benches::load::{Samples, random_bytes};
use benches::{Comparison, ROUNDS, compare_times, engines};
use hub::directory::{self, FoundIn};
use tests::{NATIONAL, SICHUAN, TestHub, noon};
use tokio::runtime::Runtime;

/// Questions of one round, one after another.
const QUESTIONS: u64 = 200;

/// Bytes of a question and of an answer, about those of the hub.
const QUESTION_BYTES: usize = 400;
const ANSWER_BYTES: usize = 3_000;

fn main() {
    let Some(broker) = engines::both("ask") else {
        return;
    };
    let runtime = Runtime::new().expect("runtime");
    let samples = Samples::new();
    let hub = runtime.block_on(TestHub::start(1, 0));
    let national = hub.node(NATIONAL);
    let place = (&national.store, &national.log, &*national.keys);
    // Each question about another licence: what is known is not asked again.
    let count = QUESTIONS * (ROUNDS as u64 + 1);
    runtime.block_on(samples.load(place, count, noon()));
    let mut asked = 0;
    let bare = runtime.block_on(Pair::start(engines::own_settings(&broker)));
    let answer = random_bytes(ANSWER_BYTES);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| bare.answer(&is_over, |_, send| send(&answer)));
        compare_times(
            Comparison {
                title: "lookup that another node answers",
                goal: "p50 <= 3.00",
                unit: "",
            },
            ("hub: signed, sealed, recorded on both sides", &mut || {
                let first = asked;
                asked += QUESTIONS;
                runtime.block_on(look_up(&hub, &samples, first))
            }),
            ("bare request and reply", &mut || ask(&bare)),
        );
        is_over.store(true, Ordering::Relaxed);
    });
    runtime.block_on(hub.stop());
}

async fn look_up(hub: &TestHub, samples: &Samples, first: u64) -> Vec<Duration> {
    let (node, caller) = (hub.node(SICHUAN), tests::caller());
    let mut times = Vec::new();
    for number in first..first + QUESTIONS {
        let identifier = samples.identifier(number);
        let started = Instant::now();
        let found = directory::lookup(node, &caller, &identifier).await;
        times.push(started.elapsed());
        let found = found.expect("an answer").expect("an entry");
        assert_eq!(found.source, FoundIn::Node(NATIONAL.to_owned()));
    }
    times
}

fn ask(bare: &Pair) -> Vec<Duration> {
    let question = random_bytes(QUESTION_BYTES);
    let mut times = Vec::new();
    for number in 0..QUESTIONS {
        let started = Instant::now();
        let answer = bare.ask(&number.to_string(), &question, ANSWER_BYTES);
        times.push(started.elapsed());
        assert_eq!(answer.len(), ANSWER_BYTES, "another answer");
    }
    times
}
