//! Harness: a national node and two provinces in one process, on one bus, with a minted PKI,
//! minted libraries and a clock that stands still.

#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "a harness that cannot set the scene fails the test"
)]

pub mod bus;
mod databases;
pub mod engines;
mod eventually;
pub mod failing_bus;
pub mod operator;
mod padded;
pub mod peers;
pub mod processes;
pub mod program;
pub mod proxy;

pub use eventually::{eventually, eventually_within};
pub use padded::padded;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use certs::mint::pki::DevelopmentPki;
use chrono::{DateTime, TimeZone, Utc};
use connectors::bus::Bus;
use hub::clock::FixedClock;
use hub::config::{CallerConfig, CallerRole, NodeConfig, PeerConfig, PeerKeys, Role};
use hub::directory::{self, RegisterReport};
use hub::files::{self, Delivery};
use hub::mint::Spoil;
use hub::mint::{Format, LibraryItem, LibraryPlan, SealKit, mint_library, write_library};
use hub::node::{Node, Running, node_keys};
use hub::permits::{self, Caller, Decision, Duty};
use hub::refusal::Refusal;
use hub::store::scratch::Scratch;
use hub::store::{outbox, registrations, snapshots};
use schemas::identifier::Identifier;
use schemas::licence_type::LicenceTypes;
use schemas::permit::{CallCategory, Purpose};
use schemas::region::ProvinceCode;
use schemas::uscc::Uscc;
use tempfile::TempDir;

use crate::bus::TestBus;
use crate::operator::Operator;

/// The national node.
pub const NATIONAL: &str = "national";
/// The province whose licences are looked up.
pub const ZHEJIANG: &str = "zhejiang";
/// The province that looks them up.
pub const SICHUAN: &str = "sichuan";

/// The matter of the caller's duty: the one that the builtin fictitious types name.
pub const MATTER: &str = "11990000MB999999XE1000000001001";

/// Bearer token of Sichuan's caller.
pub const TOKEN: &str = "token-of-the-service-desk";

/// Three nodes in a temporary folder.
pub struct TestHub {
    /// The folder; removed at the end.
    pub folder: TempDir,
    /// The clock of all nodes.
    pub clock: Arc<FixedClock>,
    /// The bus as somebody sees it who is no node.
    pub bus: Arc<dyn Bus>,
    buses: TestBus,
    /// Zhejiang's licences as they were minted.
    pub items: Vec<LibraryItem>,
    /// Who says on the topic `trust` what all nodes trust.
    pub operator: Operator,
    pki: DevelopmentPki,
    kits: Vec<SealKit>,
    databases: BTreeMap<&'static str, Scratch>,
    configs: BTreeMap<&'static str, NodeConfig>,
    running: BTreeMap<&'static str, Running>,
}

/// Noon of the day on which the tests play.
#[must_use]
pub fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 4, 0, 0)
        .single()
        .expect("a valid time")
}

impl TestHub {
    /// Starts three nodes; Zhejiang's library has `licences` entries, the first `files` of them
    /// with a file. Nothing is registered yet.
    pub async fn start(licences: usize, files: usize) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let pki = DevelopmentPki::mint("test", noon() - chrono::Duration::days(1)).expect("a PKI");
        pki.save(folder.path(), &[], noon()).expect("trust folder");
        let (items, kits) = mint(&pki, licences, files, None);
        write_library(&folder.path().join("library"), &items).expect("library");
        let buses = TestBus::open(folder.path(), &[NATIONAL, ZHEJIANG, SICHUAN]).await;
        let operator = Operator::new();
        let mut configs = configs(folder.path());
        for config in configs.values_mut() {
            config.operator = Some(PeerKeys::Inline(operator.public()));
        }
        let databases = databases::make(&mut configs).await;
        let mut hub = Self {
            operator,
            clock: Arc::new(FixedClock::at(noon())),
            bus: buses.of("tests"),
            buses,
            items,
            pki,
            kits,
            databases,
            configs,
            running: BTreeMap::new(),
            folder,
        };
        for name in [NATIONAL, ZHEJIANG, SICHUAN] {
            hub.start_node(name).await;
        }
        // The nation asks everybody for what there is: nothing yet.
        hub.settle().await;
        hub
    }

    /// The authorities whom all nodes trust.
    #[must_use]
    pub const fn pki(&self) -> &DevelopmentPki {
        &self.pki
    }

    /// Starts a node that was stopped.
    pub async fn start_node(&mut self, name: &'static str) {
        let config = self.configs[name].clone();
        let (bus, clock) = (self.buses.of(name), Arc::clone(&self.clock));
        let running = Node::start(config, bus, clock)
            .await
            .expect("the node starts");
        self.running.insert(name, running);
    }

    /// Stops a node, changes its configuration and starts it again.
    pub async fn restart_with(&mut self, name: &'static str, change: impl FnOnce(&mut NodeConfig)) {
        self.stop_node(name).await;
        change(self.configs.get_mut(name).expect("a node"));
        self.start_node(name).await;
    }

    /// Stops a node in good order.
    pub async fn stop_node(&mut self, name: &str) {
        self.running
            .remove(name)
            .expect("a running node")
            .shutdown()
            .await;
    }

    /// A running node.
    #[must_use]
    pub fn node(&self, name: &str) -> &Arc<Node> {
        &self.running[name].node
    }

    /// Whether a node runs.
    #[must_use]
    pub fn is_running(&self, name: &str) -> bool {
        self.running.contains_key(name)
    }

    /// Path of Zhejiang's library.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    /// Writes Zhejiang's library anew, from [`TestHub::items`].
    pub fn write_library(&self) {
        write_library(&self.library(), &self.items).expect("library");
    }

    /// Appends a line to Zhejiang's list of entries.
    pub fn append_line(&self, line: &str) {
        let path = self.library().join("entries.jsonl");
        let mut text = std::fs::read_to_string(&path).expect("list");
        text.push_str(line);
        text.push('\n');
        std::fs::write(&path, text).expect("list");
    }

    /// Zhejiang's file `number` with a fault, made by the same authorities.
    #[must_use]
    pub fn spoiled_file(&self, number: usize, spoil: Spoil) -> Vec<u8> {
        let (mut items, _) = mint(&self.pki, number + 1, number + 1, Some(spoil));
        items.pop().and_then(|item| item.file).expect("a file")
    }

    /// Gives Zhejiang's first licences files in a format with a scan of so many bytes, and writes
    /// the library.
    pub fn attach_files(&mut self, files: usize, format: Format, scan_bytes: usize) {
        let plan = LibraryPlan {
            formats: vec![format],
            scan_bytes,
            ..plan(files, files, None)
        };
        let (items, _) = mint_library(&plan, &self.pki).expect("a library");
        self.items.splice(..files, items);
        self.write_library();
    }

    /// Zhejiang's file `number` sealed anew: as good as the registered one, with other bytes.
    #[must_use]
    pub fn resealed_file(&self, number: usize) -> Vec<u8> {
        let (mut items, _) = mint(&self.pki, number + 1, number + 1, None);
        items.pop().and_then(|item| item.file).expect("a file")
    }

    /// Identifier of Zhejiang's licence `number`.
    #[must_use]
    pub fn identifier(&self, number: usize) -> Identifier {
        self.items[number].entry.identifier.clone()
    }

    /// Registers Zhejiang's library and waits until every receipt is there.
    pub async fn sync(&self) -> RegisterReport {
        let report = directory::register_source(self.node(ZHEJIANG))
            .await
            .expect("the library registers");
        self.settle().await;
        report
    }

    /// Waits until no outbox holds a message, no registration awaits a receipt and the nation has
    /// the entries that the running provinces began with.
    pub async fn settle(&self) {
        eventually("outboxes and receipts settle", async || {
            for (name, running) in &self.running {
                if *name != NATIONAL && !self.is_taken(name).await {
                    return false;
                }
                let reader = running.node.store.reader();
                if outbox::count(reader).await.expect("counts") > 0
                    || registrations::count_awaiting(reader).await.expect("counts") > 0
                {
                    return false;
                }
            }
            true
        })
        .await;
    }

    async fn is_taken(&self, home: &str) -> bool {
        let Some(national) = self.running.get(NATIONAL) else {
            return true;
        };
        let taken = snapshots::find(national.node.store.reader(), home).await;
        taken.expect("reads").is_complete
    }

    /// Asks at Sichuan for a permit.
    ///
    /// # Errors
    /// The refusal of the path.
    pub async fn permit(&self, identifier: &Identifier, matter: &str) -> Result<Decision, Refusal> {
        permits::decide(self.node(SICHUAN), &caller(), identifier, &purpose(matter)).await
    }

    /// Asks at Sichuan for a permit and, under it, for the file.
    ///
    /// # Errors
    /// The refusal of the path.
    pub async fn deliver(&self, identifier: &Identifier) -> Result<Delivery, Refusal> {
        let decision = self.permit(identifier, MATTER).await?;
        let permit = decision.permit.expect("the duty permits");
        files::deliver(self.node(SICHUAN), &caller(), permit, identifier).await
    }

    /// Stops all nodes in good order.
    pub async fn stop(mut self) {
        for name in [SICHUAN, ZHEJIANG, NATIONAL] {
            if self.running.contains_key(name) {
                self.stop_node(name).await;
            }
        }
    }
}

/// The system that calls Sichuan's node.
#[must_use]
pub fn caller() -> Caller {
    Caller {
        system: "service-desk".to_owned(),
        organisation: organisation(),
        roles: vec![CallerRole::Lookup, CallerRole::Use, CallerRole::Verify],
    }
}

/// A purpose for a matter.
#[must_use]
pub fn purpose(matter: &str) -> Purpose {
    Purpose {
        matter_code: matter.to_owned(),
        matter_name: "示例事项".to_owned(),
        system_name: "综合窗口".to_owned(),
        call_category: CallCategory::Matter,
        cause: "办理示例事项".to_owned(),
        project_number: None,
    }
}

pub(crate) fn organisation() -> Uscc {
    Uscc::build("11510100", "MB000000").expect("a valid code")
}

fn mint(
    pki: &DevelopmentPki,
    licences: usize,
    files: usize,
    spoil: Option<Spoil>,
) -> (Vec<LibraryItem>, Vec<SealKit>) {
    mint_library(&plan(licences, files, spoil), pki).expect("a library")
}

fn plan(licences: usize, files: usize, spoil: Option<Spoil>) -> LibraryPlan {
    LibraryPlan {
        province: ProvinceCode::parse("33").expect("Zhejiang"),
        licences,
        files,
        seed: 7,
        formats: vec![Format::default()],
        spoil,
        scan_bytes: 0,
        at: noon(),
    }
}

fn configs(folder: &Path) -> BTreeMap<&'static str, NodeConfig> {
    let places = [
        (NATIONAL, Role::National, None),
        (ZHEJIANG, Role::Province, Some("33")),
        (SICHUAN, Role::Province, Some("51")),
    ];
    let data = |name: &str| folder.join(name);
    let regions = |region: Option<&str>| region.into_iter().map(str::to_owned).collect();
    let peers: Vec<PeerConfig> = places
        .iter()
        .map(|(name, role, region)| PeerConfig {
            name: (*name).to_owned(),
            keys: PeerKeys::Inline(node_keys(&data(name)).expect("keys").public()),
            role: *role,
            regions: regions(*region),
        })
        .collect();
    let mut configs = BTreeMap::new();
    for (name, role, region) in places {
        let trust = folder.join("trust");
        let mut config = NodeConfig::new(name, role, NATIONAL, &data(name), &trust);
        config.regions = regions(region);
        // Tests and benches ask faster than people.
        config.limits.caller_requests_per_s = 1_000_000;
        config.limits.caller_burst = 1_000_000;
        let others = peers.iter().filter(|peer| peer.name != name);
        config.peers = others.cloned().collect();
        if name == ZHEJIANG {
            config.source = Some(folder.join("library"));
        }
        if name == SICHUAN {
            let caller = caller();
            config.callers = vec![CallerConfig {
                system: caller.system,
                organisation: caller.organisation,
                token_sm3: hex::encode(certs::digest::sm3(TOKEN.as_bytes())),
                roles: caller.roles,
            }];
            let types = LicenceTypes::builtin();
            let fictitious = types.iter().filter(|one| one.fixture);
            config.duties = vec![Duty {
                organisation: organisation(),
                matter: MATTER.to_owned(),
                licence_types: fictitious.map(|one| one.code.clone()).collect(),
            }];
        }
        configs.insert(name, config);
    }
    configs
}
