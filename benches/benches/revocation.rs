//! How long until a revocation counts everywhere: what the operator says of a seal, until every
//! node has taken it up; the status of a licence, until a caller in another province is told.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::time::{Duration, Instant};

use benches::{engines, tell_times};
use hub::directory::{self, change_status};
use schemas::leaf::Agent;
use schemas::seal_status::{SealReason, SealState, SealStatus};
use schemas::status::LicenceStatus;
use schemas::trust_item::{ItemState, TrustContent};
use tests::operator::item;
use tests::{SICHUAN, TestHub, ZHEJIANG, noon};
use tokio::runtime::Runtime;

/// Revocations of each kind: enough for a p99.
const REVOCATIONS: u64 = 200;

/// How often it is looked whether one has arrived.
const LOOK: Duration = Duration::from_micros(500);

fn main() {
    if engines::both("revocation").is_none() {
        return;
    }
    let runtime = Runtime::new().expect("runtime");
    let hub = runtime.block_on(async {
        let hub = TestHub::start(1, 0).await;
        hub.sync().await;
        hub
    });
    let seals = runtime.block_on(seals(&hub));
    tell_times(
        "seal revoked by the operator, until all nodes know",
        "p99 <= 1 s",
        seals,
    );
    let licences = runtime.block_on(licences(&hub));
    tell_times(
        "licence revoked at home, until elsewhere a caller is told",
        "p99 <= 1 s",
        licences,
    );
    runtime.block_on(hub.stop());
}

async fn seals(hub: &TestHub) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 1..=REVOCATIONS {
        let status = SealStatus {
            seal_sm3: format!("{number:064x}"),
            es_id: format!("{number}"),
            status: SealState::Revoked,
            since: noon(),
            reason: SealReason::KeyCompromise,
            suspensions: Vec::new(),
        };
        let item = item(TrustContent::Seal(status), ItemState::Listed, 1, noon());
        let record = hub.operator.record(&item);
        let started = Instant::now();
        hub.bus.publish(vec![record]).await.expect("published");
        while hub.nodes().any(|node| node.trust.state().epoch < number) {
            tokio::time::sleep(LOOK).await;
        }
        times.push(started.elapsed());
    }
    times
}

async fn licences(hub: &TestHub) -> Vec<Duration> {
    let (home, other) = (hub.node(ZHEJIANG), hub.node(SICHUAN));
    let (caller, identifier) = (tests::caller(), hub.identifier(0));
    let mut times = Vec::new();
    for number in 0..REVOCATIONS {
        let status = match number % 2 {
            0 => LicenceStatus::Revoked,
            _ => LicenceStatus::Valid,
        };
        let agent = Agent {
            organisation: caller.organisation.to_string(),
            caller: caller.system.clone(),
        };
        let started = Instant::now();
        let changed = change_status(home, &identifier, status, agent).await;
        changed.expect("a change");
        loop {
            let found = directory::lookup(other, &caller, &identifier).await;
            let found = found.expect("an answer").expect("an entry");
            if found.entry.public.status == status {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        times.push(started.elapsed());
    }
    times
}
