//! Three nodes on engines that can be taken away from them, and what a caller tries meanwhile.

use std::cell::Cell;
use std::time::{Duration, Instant};

use schemas::identifier::Identifier;
use serde_json::json;
use tests::engines::OwnEngines;
use tests::processes::{Libraries, OPERATOR_TOKEN, Processes, permit_request};
use tests::program::{self, run};
use tests::proxy::Proxy;
use tests::{NATIONAL, SICHUAN, TOKEN, ZHEJIANG, eventually_within};

use super::calls::{Answer, Call};
use crate::crash::checker;
use crate::crash::history::{Acknowledged, History};

/// Licences of each province; more than all faults together use.
const LIBRARIES: Libraries = Libraries {
    licences: 72,
    files: 72,
};

/// The database's disk in MiB: three nodes, the server's own, and its log.
const DISK_MIB: u32 = 384;

/// Longest time until a node works again after a fault is over, on a machine that does much else.
const RECOVERED: Duration = Duration::from_secs(60);

/// Longest time until the libraries are synchronised at first, in an unoptimised program.
const SYNCHRONISED: Duration = Duration::from_secs(180);

/// How often it is tried: a caller that comes back, not one that storms.
const TRY_EVERY: Duration = Duration::from_millis(200);

/// Three nodes; Sichuan alone reaches the engines over lines that can be cut.
pub(super) struct Scene {
    pub(super) hub: Processes,
    pub(super) engines: OwnEngines,
    pub(super) bus_line: Proxy,
    pub(super) database_line: Proxy,
    /// A licence of Zhejiang that Sichuan has in memory, with its file.
    pub(super) kept: Identifier,
    /// Licences of Zhejiang that Sichuan never asked for.
    fresh: Vec<Identifier>,
    /// Sichuan's own licences.
    own: Vec<Identifier>,
    /// Changes that were refused, to be sent again once the fault is over.
    postponed: Vec<Change>,
    at_zhejiang: History,
    at_sichuan: History,
}

/// A change of status under the name with which it is sent until it is acknowledged.
pub(super) struct Change {
    pub(super) at: &'static str,
    pub(super) identifier: Identifier,
    status: &'static str,
    key: String,
    /// The revision that was acknowledged.
    revision: Cell<Option<u64>>,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let engines = OwnEngines::start_on_small_disk(1, DISK_MIB);
        let (port, listener) = engines.kafka_line();
        let bus_line = Proxy::start(port, listener).await;
        let database_line = Proxy::start(0, engines.postgres_server()).await;
        let direct = engines.addresses();
        let apart = direct.behind(bus_line.address(), database_line.address());
        let hub = Processes::start_apart(direct, apart, LIBRARIES).await;
        let usable = |items: &[hub::mint::LibraryItem]| {
            let usable = items.iter().filter(|item| item.entry.status.code() == "01");
            let named = usable.map(|item| item.entry.identifier.clone());
            named.collect::<Vec<Identifier>>()
        };
        let (mut fresh, own) = (usable(&hub.items), usable(&hub.sichuan_items));
        let history = |name: &str| History::create(&hub.folder.path().join(name));
        let (at_zhejiang, at_sichuan) = (history("zhejiang.history"), history("sichuan.history"));
        let kept = fresh.pop().unwrap();
        let scene = Self {
            hub,
            engines,
            bus_line,
            database_line,
            kept,
            fresh,
            own,
            postponed: Vec::new(),
            at_zhejiang,
            at_sichuan,
        };
        scene.settle().await;
        scene.deliver(&scene.kept.clone()).await;
        scene
    }

    /// A licence of Zhejiang that Sichuan has never asked for.
    pub(super) fn unseen(&mut self) -> Identifier {
        self.fresh.pop().expect("a licence that was not asked for")
    }

    /// A change of a licence that was not changed yet.
    pub(super) fn new_change(&mut self, at: &'static str) -> Change {
        let licences = if at == ZHEJIANG {
            &mut self.fresh
        } else {
            &mut self.own
        };
        Change {
            at,
            identifier: licences.remove(0),
            status: "02",
            key: uuid::Uuid::new_v4().to_string(),
            revision: Cell::new(None),
        }
    }

    /// Asks a node for a licence.
    pub(super) async fn look_up(&self, node: &str, identifier: &Identifier) -> Answer {
        let token = if node == SICHUAN {
            TOKEN
        } else {
            OPERATOR_TOKEN
        };
        let path = format!("/v1/licences/{identifier}");
        Call::get(&path, token).send(&self.hub, node).await
    }

    /// One of Sichuan's own licences, asked for at Sichuan.
    pub(super) async fn look_up_own(&self) -> Answer {
        self.look_up(SICHUAN, self.own.last().unwrap()).await
    }

    /// Asks a node as those who run it.
    pub(super) async fn get(&self, node: &str, path: &str) -> Answer {
        Call::get(path, OPERATOR_TOKEN).send(&self.hub, node).await
    }

    /// Permit and file as Sichuan's department asks for them; the first refusal, or the file.
    pub(super) async fn fetch(&self, identifier: &Identifier) -> Answer {
        let permit = Call {
            method: "POST",
            path: "/v1/permits",
            token: TOKEN,
            key: None,
            body: Some(permit_request(identifier)),
        };
        let permit = permit.send(&self.hub, SICHUAN).await;
        let id = permit.json()["id"].as_str().map(str::to_owned);
        let Some(id) = id.filter(|_| permit.is_done()) else {
            return permit;
        };
        let path = format!("/v1/licences/{identifier}/file?permit={id}");
        Call::get(&path, TOKEN).send(&self.hub, SICHUAN).await
    }

    /// Tries a change once; what was acknowledged is written down.
    pub(super) async fn try_change(&self, change: &Change) -> Answer {
        let call = Call {
            method: "POST",
            path: &format!("/v1/licences/{}/status", change.identifier),
            token: OPERATOR_TOKEN,
            key: Some(&change.key),
            body: Some(json!({ "status": change.status })),
        };
        let answer = call.send(&self.hub, change.at).await;
        if !answer.is_done() {
            return answer;
        }
        let revision = answer.json()["revision"].as_u64().unwrap();
        if let Some(before) = change.revision.replace(Some(revision)) {
            assert_eq!(revision, before, "sent again, it took effect again");
        } else {
            let history = if change.at == ZHEJIANG {
                &self.at_zhejiang
            } else {
                &self.at_sichuan
            };
            history.acknowledge(&Acknowledged {
                identifier: change.identifier.to_string(),
                revision,
                status: change.status.to_owned(),
            });
        }
        answer
    }

    /// Asks a node whether it is ready; the parts that are not.
    pub(super) async fn not_ready(&self, node: &str) -> Vec<String> {
        let answer = Call::get("/readyz", TOKEN).send(&self.hub, node).await;
        if answer.is_done() {
            return Vec::new();
        }
        assert_eq!((answer.status, answer.code().as_str()), (503, "NOT_READY"));
        serde_json::from_value(answer.json()["parts"].clone()).unwrap()
    }

    /// Keeps a change that was refused; [`Self::recovers`] sends it again.
    pub(super) fn postpone(&mut self, change: Change) {
        self.postponed.push(change);
    }

    /// After a fault: lookups, files and changes both ways work again, each by itself, and what
    /// callers tried meanwhile and were refused (`open`) is done when they try again.
    pub(super) async fn recovers(&mut self, after: &str, open: Vec<Change>) {
        let healed = Instant::now();
        let unseen = self.unseen();
        self.until("a lookup", async |scene: &Self| {
            let answer = scene.look_up(SICHUAN, &unseen).await;
            answer.is_done() || {
                answer.code();
                false
            }
        })
        .await;
        let first = healed.elapsed();
        let unseen = self.unseen();
        self.deliver(&unseen).await;
        let postponed = std::mem::take(&mut self.postponed);
        for change in open.into_iter().chain(postponed) {
            self.until("a change sent again", async |scene: &Self| {
                let answer = scene.try_change(&change).await;
                answer.is_done() || {
                    answer.code();
                    false
                }
            })
            .await;
        }
        for at in [ZHEJIANG, SICHUAN] {
            let change = self.new_change(at);
            // Kept in memory there, so that it has to be forgotten.
            let reader = if at == ZHEJIANG { SICHUAN } else { NATIONAL };
            assert!(self.look_up(reader, &change.identifier).await.is_done());
            assert!(self.try_change(&change).await.is_done());
            self.until("a change of status arrives", async |scene: &Self| {
                let answer = scene.look_up(reader, &change.identifier).await;
                answer.json()["status"]["code"] == change.status
            })
            .await;
        }
        for node in [NATIONAL, ZHEJIANG, SICHUAN] {
            self.until("readiness", async |scene: &Self| {
                scene.not_ready(node).await.is_empty()
            })
            .await;
        }
        println!(
            "{after}: lookups work again after {first:.1?}, everything after {:.1?}",
            healed.elapsed()
        );
    }

    /// The nation comes to know a change.
    pub(super) async fn arrives(&self, change: &Change) {
        self.until("a change arrives at the nation", async |scene: &Self| {
            let answer = scene.look_up(NATIONAL, &change.identifier).await;
            answer.json()["status"]["code"] == change.status
        })
        .await;
    }

    /// Nothing acknowledged was lost or doubled, and every log is whole.
    pub(super) async fn finish(mut self) {
        for (history, home) in [(&self.at_zhejiang, ZHEJIANG), (&self.at_sichuan, SICHUAN)] {
            let changes = history.read().len();
            let (national, home) = (self.hub.database(NATIONAL), self.hub.database(home));
            let started = Instant::now();
            let found = loop {
                let found = checker::check(history, &national, &home).await;
                // What is still under way is no loss yet.
                if found.faults.is_empty() || started.elapsed() > RECOVERED {
                    break found;
                }
                tokio::time::sleep(TRY_EVERY).await;
            };
            assert!(found.faults.is_empty(), "{:#?}", found.faults);
            println!(
                "{changes} changes acknowledged, lost 0, doubled 0 of {}",
                found.applied
            );
        }
        for name in [SICHUAN, ZHEJIANG, NATIONAL] {
            self.hub.stop(name);
            let fsck = ["log", "fsck", "--config"];
            let clean = run(program::hub().args(fsck).arg(self.hub.config_file(name)));
            assert_eq!(clean.code, Some(0), "{name}: {clean:?}");
        }
    }

    /// Every licence of the libraries has its receipt and nothing waits to go out.
    async fn settle(&self) {
        let count = async |scene: &Self, name: &str, table: &str| {
            checker::count(&scene.hub.database(name), table).await
        };
        self.until_within(
            SYNCHRONISED,
            "everything under way has arrived",
            async |scene: &Self| {
                let mut is_settled = true;
                for name in [ZHEJIANG, SICHUAN] {
                    let receipts = count(scene, name, "receipt").await;
                    is_settled &= receipts == u64::try_from(LIBRARIES.licences).ok();
                }
                for name in [ZHEJIANG, SICHUAN, NATIONAL] {
                    is_settled &= count(scene, name, "outbox").await == Some(0);
                }
                is_settled
            },
        )
        .await;
    }

    /// Sichuan's department gets the very file that Zhejiang keeps.
    pub(super) async fn deliver(&self, identifier: &Identifier) {
        let item = self
            .hub
            .items
            .iter()
            .find(|item| item.entry.identifier == *identifier);
        let file = item.and_then(|item| item.file.clone()).unwrap();
        self.until("a file", async |scene: &Self| {
            let answer = scene.fetch(identifier).await;
            assert!(!answer.is_done() || answer.body == file, "another file");
            answer.is_done() || {
                answer.code();
                false
            }
        })
        .await;
    }

    /// Waits until something holds, for as long as a node may take to work again.
    pub(super) async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        self.until_within(RECOVERED, what, holds).await;
    }

    async fn until_within(
        &self,
        patience: Duration,
        what: &str,
        holds: impl AsyncFn(&Self) -> bool,
    ) {
        eventually_within(patience, what, async || {
            let now = holds(self).await;
            if !now {
                tokio::time::sleep(TRY_EVERY).await;
            }
            now
        })
        .await;
    }
}
