//! Files that another node hands out, through Kafka: permitted, sealed, verified and recorded on
//! both sides, against bare copying of the same bytes in chunks over the same broker.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use benches::bare::Pair;
use benches::load::random_bytes;
use benches::{Comparison, Rate, compare, engines};
use hub::files;
use hub::mint::Format;
use schemas::message::CHUNK_BYTES;
use schemas::verdict::SealVersion;
use tests::{MATTER, SICHUAN, TestHub, caller};
use tokio::runtime::Runtime;

/// A file as most are.
const SEALED: Format = Format::OfdSeal(SealVersion::V4);

/// Name of a size, how it is signed, bytes of the scan in a file, files of one round. A seal brings
/// its picture and two certificates along twice, some 20 KB: the least file is plainly signed.
const SIZES: [(&str, Format, usize, usize); 6] = [
    ("5 KB", Format::OfdSign, 0, 20),
    ("27 KB", SEALED, 0, 20),
    ("50 KB", SEALED, 23_000, 20),
    ("500 KB", SEALED, 473_000, 10),
    ("5 MB", SEALED, 4_973_000, 4),
    ("50 MB", SEALED, 49_973_000, 1),
];

/// Bytes of a bare question.
const QUESTION_BYTES: usize = 400;

fn main() {
    let Some(broker) = engines::both("files") else {
        return;
    };
    let runtime = Runtime::new().expect("runtime");
    for (name, format, scan_bytes, files) in SIZES {
        let mut hub = runtime.block_on(TestHub::start(files, 0));
        hub.attach_files(files, format, scan_bytes);
        runtime.block_on(hub.sync());
        let file = hub.items.first().and_then(|item| item.file.as_ref());
        let bytes = file.expect("a file").len();
        let title = format!("files of {name} ({bytes} bytes) from another node");
        let bare = runtime.block_on(Pair::start(engines::own_settings(&broker)));
        let (content, is_over) = (random_bytes(bytes), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                bare.answer(&is_over, |_, send| {
                    content.chunks(CHUNK_BYTES).for_each(send)
                });
            });
            compare(
                Comparison {
                    title: &title,
                    goal: "",
                    unit: "KiB/s",
                },
                ("hub: fetched, opened, verified, recorded", &mut || {
                    runtime.block_on(deliver(&mut hub, files))
                }),
                ("bare copying in chunks", &mut || copy(&bare, files, bytes)),
            );
            is_over.store(true, Ordering::Relaxed);
        });
        runtime.block_on(hub.stop());
    }
}

/// Delivers every file once, to a node that has none in memory.
async fn deliver(hub: &mut TestHub, files: usize) -> Rate {
    hub.stop_node(SICHUAN).await;
    hub.start_node(SICHUAN).await;
    let mut permits = Vec::new();
    for number in 0..files {
        let identifier = hub.identifier(number);
        let decision = hub.permit(&identifier, MATTER).await.expect("a decision");
        permits.push((identifier, decision.permit.expect("a permit")));
    }
    let (node, caller) = (hub.node(SICHUAN), caller());
    let started = Instant::now();
    let mut bytes = 0;
    for (identifier, permit) in permits {
        let delivery = files::deliver(node, &caller, permit, &identifier).await;
        bytes += delivery.expect("a delivery").bytes().len();
    }
    rate(bytes, started)
}

fn copy(bare: &Pair, files: usize, bytes: usize) -> Rate {
    let question = random_bytes(QUESTION_BYTES);
    let started = Instant::now();
    for number in 0..files {
        let copied = bare.ask(&number.to_string(), &question, bytes);
        assert_eq!(copied.len(), bytes, "another file");
    }
    rate(files * bytes, started)
}

fn rate(bytes: usize, started: Instant) -> Rate {
    Rate {
        operations: bytes as u64 / 1024,
        time: started.elapsed(),
    }
}
