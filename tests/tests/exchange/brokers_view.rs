//! What those see who run the brokers: that messages go, not whom they are about.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectors::bus::OutgoingRecord;
use hub::mint::LibraryItem;
use schemas::envelope::topic;
use tests::bus::records_until_quiet;
use tests::processes::Processes;
use tests::{NATIONAL, SICHUAN, ZHEJIANG};
use tokio::task::JoinSet;

/// After this long without a record all were read: they lie on the broker already.
const QUIET: Duration = Duration::from_secs(5);

/// Every so many licences one is looked for, and every licence with a file.
const LICENCES_BETWEEN: usize = 25;

/// As many bytes of a file in a row as stand in no other file by chance.
const FILE_BYTES: usize = 24;

/// Every so many bytes of a file some are looked for.
const FILE_BYTES_BETWEEN: usize = 4096;

/// Reads every record of every topic: no holder, no certificate number, no part of a file stands
/// in a key, header or body, neither in clear nor in base64.
pub(super) async fn check_reveals_nothing(hub: &Processes) {
    let records = every_record(hub).await;
    let mut seen = BTreeSet::new();
    for record in &records {
        seen.insert(record.topic.clone());
    }
    let used = [
        topic::DIRECTORY_CHANGES.to_owned(),
        topic::DIRECTORY_RECEIPTS.to_owned(),
        topic::requests(NATIONAL),
        topic::requests(ZHEJIANG),
        topic::replies(SICHUAN),
        topic::files(SICHUAN),
    ];
    for topic in used {
        assert!(
            seen.contains(&topic),
            "nothing was read of {topic}: {seen:?}"
        );
    }
    let seen = Seen::of(&records);
    // What is no secret is found in the same way: the search can find.
    let public = hub.items[0].entry.identifier.as_str();
    assert!(seen.holds(public.as_bytes()), "not even the identifier");
    let with_file = |item: &&LibraryItem| item.file.is_some();
    let looked_for = hub.items.iter().step_by(LICENCES_BETWEEN);
    for item in looked_for.chain(hub.items.iter().filter(with_file)) {
        for holder in &item.entry.holders {
            seen.check_lacks("a holder's name", holder.name.as_bytes());
            seen.check_lacks("a holder's code", holder.code.as_bytes());
        }
        seen.check_lacks("a certificate number", item.entry.number.as_bytes());
        let file = item.file.as_deref().unwrap_or_default();
        for part in file.windows(FILE_BYTES).step_by(FILE_BYTES_BETWEEN) {
            seen.check_lacks("part of a file", part);
        }
    }
}

async fn every_record(hub: &Processes) -> Vec<OutgoingRecord> {
    let nodes = [NATIONAL, ZHEJIANG, SICHUAN].map(str::to_owned);
    let plans = hub::cli::topics::plans(&BTreeSet::from(nodes), 1).expect("the plan");
    let bus = hub.brokers_view();
    let mut readers = JoinSet::new();
    for plan in plans {
        let bus = Arc::clone(&bus);
        readers.spawn(async move { records_until_quiet(bus.as_ref(), &plan.name, QUIET).await });
    }
    readers.join_all().await.concat()
}

/// All records in hexadecimal digits: the standard library searches text fast, and bytes not at
/// all.
struct Seen {
    as_sent: String,
    /// What the texts of the bodies say in base64, as sealed parts stand there.
    out_of_base64: String,
}

impl Seen {
    fn of(records: &[OutgoingRecord]) -> Self {
        let (mut as_sent, mut out_of_base64) = (String::new(), String::new());
        for record in records {
            as_sent += &hex::encode(&record.key);
            for (name, value) in &record.headers {
                as_sent += &hex::encode(format!("{name}:{value}"));
            }
            as_sent += &hex::encode(&record.body);
            for text in record.body.split(|byte| *byte == b'"') {
                if let Ok(bytes) = STANDARD.decode(text) {
                    out_of_base64 += &hex::encode(bytes);
                }
            }
        }
        assert!(out_of_base64.len() > 100_000, "sealed parts were not found");
        Self {
            as_sent,
            out_of_base64,
        }
    }

    fn holds(&self, part: &[u8]) -> bool {
        let part = hex::encode(part);
        self.as_sent.contains(&part) || self.out_of_base64.contains(&part)
    }

    fn check_lacks(&self, what: &str, part: &[u8]) {
        // Two Chinese characters; anything shorter would be found by chance.
        assert!(part.len() >= 6, "{what} is too short to look for");
        assert!(!self.holds(part), "the brokers see {what}");
    }
}
