//! `hub trust` as an operator uses it, over a bus to which others write too.

use std::path::Path;

use certs::mint::certificate::Revocation;
use certs::mint::pki::DevelopmentPki;
use certs::node_key::NodeKeys;
use certs::trust::{Role, TrustStore, contents_of_file};
use chrono::{DateTime, Duration, Utc};
use connectors::bus::{Bus as _, EmbeddedBus, OutgoingRecord};
use hub::clock::{Clock as _, SystemClock};
use schemas::date::day_in_shanghai;
use schemas::envelope::OPERATOR;
use schemas::envelope::topic::TRUST;
use schemas::trust_item::{ItemState, NodeItem, TrustContent};
use tests::operator::{item, signed};
use tests::program::{Finished, hub, run};

const SETTINGS: &str = "listen = \"127.0.0.1:0\"\n[node]\nname = \"national\"\nrole = \
                        \"national\"\nnational = \"national\"\noperator = \
                        \"operator/operator.node.json\"\n";

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hub.toml"), SETTINGS).unwrap();
        std::fs::create_dir_all(folder.path().join("data/trust")).unwrap();
        std::fs::create_dir_all(folder.path().join("data/national")).unwrap();
        let pki = DevelopmentPki::mint("test", now()).unwrap();
        pki.save(&folder.path().join("pki"), &[], now()).unwrap();
        let desk = Self { folder };
        desk.trust(&["init", "--out", "operator"], 0);
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn trust(&self, arguments: &[&str], code: i32) -> Finished {
        let mut command = hub();
        command.arg("trust").args(arguments);
        let done = run(command.current_dir(self.folder.path()));
        assert_eq!(done.code, Some(code), "{done:?}");
        done
    }

    #[track_caller]
    fn sign(&self, verb: &str, keys: &str, what: &[&str], code: i32) -> Finished {
        let start = [verb, "--operator", keys, "--config", "hub.toml"];
        self.trust(&[&start[..], what].concat(), code)
    }

    #[track_caller]
    fn list(&self, code: i32) -> String {
        self.trust(&["list", "--config", "hub.toml"], code).stdout
    }

    async fn publish(&self, record: OutgoingRecord) {
        let bus = EmbeddedBus::open(&self.path("data/national/bus.sqlite")).await;
        bus.unwrap().publish(vec![record]).await.unwrap();
    }
}

fn anchor(folder: &Path) -> TrustContent {
    let bytes = std::fs::read(folder.join("pki/trust/root.pem")).unwrap();
    contents_of_file(&bytes).unwrap().remove(0)
}

const KEYS: &str = "operator/operator.keys";
const ROOT: &str = "pki/trust/root.pem";

#[tokio::test]
async fn what_the_operator_lists_and_revokes_is_shown_with_who_signed_it() {
    let desk = Desk::new();
    let empty = desk.trust(&["list", "--config", "hub.toml"], 0);
    assert_eq!(empty.stdout, "");
    assert!(
        empty.stderr.contains("是空的 the topic trust is empty"),
        "{empty:?}"
    );
    assert!(!empty.stderr.contains("no operator"), "{empty:?}");
    desk.sign("add", KEYS, &["anchor", ROOT], 0);
    desk.sign("add", KEYS, &["maker", "pki/trust/seal-maker.pem"], 0);
    desk.sign("add", KEYS, &["crl", "pki/trust/issuing-crl.pem"], 0);
    desk.sign("add", KEYS, &["anchor", "pki/trust/seal-maker.pem"], 3);
    let listed = desk.list(0);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(
        listed.lines().all(|line| line.ends_with("  operator")),
        "{listed}"
    );
    // Whose certificate and whose list, not digests alone.
    let trust = TrustStore::from_folder(&desk.path("pki/trust")).unwrap();
    let is_root = |(_, role): &(_, Role)| *role == Role::Anchor;
    let (root, _) = trust.certificates().find(is_root).unwrap();
    let ends = format!("– {}", day_in_shanghai(root.not_after()));
    for part in [root.subject_text(), "签发者未列出", " 个已吊销 revoked, "] {
        assert_eq!(listed.matches(part).count(), 1, "{part}: {listed}");
    }
    assert!(listed.contains(&ends), "{ends}: {listed}");
    desk.sign("add", KEYS, &["intermediate", "pki/trust/issuing.pem"], 0);
    let listed = desk.list(0);
    assert!(!listed.contains("签发者未列出"), "{listed}");

    desk.sign("revoke", KEYS, &["maker", "pki/trust/seal-maker.pem"], 0);
    let sm3 = "ab".repeat(32);
    desk.sign("revoke", KEYS, &["seal", &sm3, "--es-id", "3301"], 0);
    let listed = desk.list(0);
    assert_eq!(listed.matches("  withdrawn").count(), 1, "{listed}");
    assert_eq!(listed.matches("  listed revoked").count(), 1, "{listed}");
}

#[test]
fn a_list_that_says_more_than_the_newer_one_stays() {
    let desk = Desk::new();
    let pki = DevelopmentPki::mint("lists", now()).unwrap();
    let list = |file: &str, days, serials: &[u8]| {
        let revoked: Vec<_> = serials
            .iter()
            .map(|serial| Revocation {
                serial: vec![*serial],
                since: now() - Duration::days(90),
            })
            .collect();
        let from = now() - Duration::days(days);
        let der = pki.crl(&revoked, from, now() + Duration::days(9)).unwrap();
        std::fs::write(desk.path(file), der).unwrap();
    };
    list("first.crl", 30, &[7]);
    list("second.crl", 20, &[7, 8]);
    list("third.crl", 10, &[9]);
    let listed_after = |file| {
        desk.sign("add", KEYS, &["crl", file], 0);
        let listed = desk.list(0);
        let counts = listed.lines().map(|line| {
            let (before, _) = line.split_once(" 个已吊销").expect("a list");
            before.rsplit(' ').next().unwrap().to_owned()
        });
        let mut counts: Vec<_> = counts.collect();
        counts.sort();
        counts.join(" ")
    };
    assert_eq!(listed_after("first.crl"), "1");
    assert_eq!(listed_after("second.crl"), "2");
    assert_eq!(listed_after("third.crl"), "1 2");
    // An older one takes no newer one's place.
    assert_eq!(listed_after("second.crl"), "1 2");
    assert_eq!(listed_after("first.crl"), "1 1 2");
}

#[tokio::test]
async fn what_is_unsigned_changed_or_signed_by_another_is_refused_by_name() {
    let desk = Desk::new();
    desk.sign("add", KEYS, &["anchor", ROOT], 0);
    let before = desk.list(0);
    let keys = NodeKeys::from_file(&desk.path(KEYS)).unwrap();
    let root = anchor(desk.folder.path());
    let later = || now() + Duration::hours(1);
    let serial = u64::try_from(later().timestamp_millis()).unwrap();
    let withdrawn = item(root.clone(), ItemState::Withdrawn, serial, now());
    let stranger = NodeKeys::generate().unwrap();
    desk.publish(signed(&stranger, OPERATOR, TRUST, &withdrawn))
        .await;
    let mut unsigned = signed(&keys, OPERATOR, TRUST, &withdrawn);
    unsigned.headers.clear();
    desk.publish(unsigned).await;
    let mut changed = signed(&keys, OPERATOR, TRUST, &withdrawn);
    let text = String::from_utf8(changed.body.to_vec()).unwrap();
    let text = text.replace("withdrawn", "listed");
    changed.body = text.into_bytes().into();
    desk.publish(changed).await;
    // Older than what is known: played back.
    let old = item(root.clone(), ItemState::Withdrawn, 1, now());
    desk.publish(signed(&keys, OPERATOR, TRUST, &old)).await;
    let listed = desk.list(1);
    let (accepted, refused): (Vec<_>, Vec<_>) =
        listed.lines().partition(|line| !line.contains("refused"));
    assert_eq!(accepted, before.lines().collect::<Vec<_>>());
    assert_eq!(refused.len(), 4, "{listed}");
    assert!(refused[3].ends_with("TRUST_ITEM_SERIAL"), "{listed}");

    // Keys that the nodes do not take for the operator's are refused before they sign anything.
    desk.trust(&["init", "--out", "other"], 0);
    let refused = desk.sign("add", "other/operator.keys", &["anchor", ROOT], 3);
    assert!(
        refused.stderr.contains("not the operator's keys"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_revocation_has_its_effect_whatever_the_clock_said_before() {
    let desk = Desk::new();
    let keys = NodeKeys::from_file(&desk.path(KEYS)).unwrap();
    let ahead = now() + Duration::days(9);
    let serial = u64::try_from(ahead.timestamp_millis()).unwrap();
    let listed = item(anchor(desk.folder.path()), ItemState::Listed, serial, now());
    desk.publish(signed(&keys, OPERATOR, TRUST, &listed)).await;
    desk.sign("revoke", KEYS, &["anchor", ROOT], 0);
    let listed = desk.list(0);
    let line = format!("#{}  withdrawn", serial + 1);
    assert!(listed.contains(&line), "{listed}");
}

#[tokio::test]
async fn the_operators_next_keys_sign_what_comes_after_them() {
    let desk = Desk::new();
    desk.trust(&["init", "--out", "next"], 0);
    desk.sign("add", KEYS, &["anchor", ROOT], 0);
    desk.sign("add", KEYS, &["operator", "next/operator.node.json"], 0);
    desk.sign("add", KEYS, &["crl", "pki/trust/root-crl.pem"], 3);
    desk.sign(
        "add",
        "next/operator.keys",
        &["crl", "pki/trust/root-crl.pem"],
        0,
    );
    let listed = desk.list(0);
    assert_eq!(listed.lines().count(), 3, "{listed}");

    // A node that is revoked by what the topic says of it, and that only.
    let forged = NodeItem {
        name: "zhejiang".to_owned(),
        ..node_of(&desk)
    };
    let forged = item(TrustContent::Node(forged), ItemState::Listed, 1, now());
    let stranger = NodeKeys::generate().unwrap();
    desk.publish(signed(&stranger, OPERATOR, TRUST, &forged))
        .await;
    let refused = desk.sign("revoke", "next/operator.keys", &["node", "zhejiang"], 3);
    assert!(refused.stderr.contains("does not list node"), "{refused:?}");
}

/// The item of the node itself, as `hub keys show` prints it.
fn node_of(desk: &Desk) -> NodeItem {
    let shown = run(hub()
        .args(["keys", "show", "--config", "hub.toml"])
        .current_dir(desk.folder.path()));
    assert_eq!(shown.code, Some(0), "{shown:?}");
    serde_json::from_str(&shown.stdout).unwrap()
}
