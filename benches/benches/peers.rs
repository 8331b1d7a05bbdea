//! What a whole verification costs beside other verifiers', in CPU time of the thread that
//! verifies, over the same files: ofdrw for OFD, EU DSS with its checks against attacks and pyHanko
//! with its judgement of later revisions for PDF. Each file is verified anew; what a server keeps –
//! trust, chains, tables of keys, seals, the template page of a type, a warm virtual machine – is
//! there. Collecting a virtual machine's garbage on other threads is not counted. Then the cost of
//! our stages.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::samples::{self, Sample, stranger};
use benches::{Comparison, compare, cost, cpu};
use certs::digest::sm3;
use certs::message::Message;
use certs::signed_value::{SignatureClaim, TrustOptions, check_seal, check_sign};
use certs::trust::TrustStore;
use schemas::ofd::container::Package;
use schemas::ofd::{document, reach};
use schemas::pdf::document::Document;
use schemas::pdf::fields;
use tempfile::TempDir;
use tests::noon;
use tests::peers::{Peer, PeerName, Tuning};

/// CPU time of one round.
const ROUND: Duration = Duration::from_secs(1);

/// CPU time that a peer runs over each file before it is measured: the Java compiler has then seen
/// every loop some thousand times.
const WARM_UP: Duration = Duration::from_secs(8);

/// Files of strangers for the cold figure.
const STRANGERS: usize = 16;

fn main() {
    let folder = TempDir::new().expect("a temporary folder");
    let ofd = samples::ofd(folder.path());
    let pdf = samples::pdf(folder.path());
    println!("one thread; CPU time of that thread alone");
    beside(PeerName::Ofdrw, &ofd, &["40x", "40x", "8x"]);
    beside(PeerName::Dss, &pdf, &["25x"; 4]);
    beside(PeerName::PyHanko, &pdf, &["10x"; 4]);
    println!("cost of whole verifications, everything warm");
    for sample in ofd.iter().chain(&pdf) {
        cost(&sample.name, &mut || {
            cpu::repeat(ROUND, || drop(black_box(sample.verify())))
        });
    }
    cold();
    ofd.iter().for_each(stages_of_ofd);
    pdf.iter().for_each(stages_of_pdf);
}

fn beside(name: PeerName, samples: &[Sample], goals: &[&str]) {
    let Some(first) = samples.first() else { return };
    let trust = [first.trust_folder.clone()];
    let test = format!("the bench beside {}", name.as_str());
    let Some(mut peer) = Peer::start(name, Tuning::Tuned, &trust, noon(), &test) else {
        return;
    };
    for (sample, goal) in samples.iter().zip(goals) {
        if sample.is_ours_alone {
            continue;
        }
        cpu::repeat_peer(WARM_UP, &mut peer, sample);
        compare(
            Comparison {
                title: &sample.name,
                goal,
                unit: "files/CPU-s",
            },
            ("hub", &mut || {
                cpu::repeat(ROUND, || drop(black_box(sample.verify())))
            }),
            (name.as_str(), &mut || {
                cpu::repeat_peer(ROUND, &mut peer, sample)
            }),
        );
    }
}

/// The first file of a signer: no chain known, no table of a key. Wall time, one thread.
fn cold() {
    let mut times: Vec<Duration> = (0..STRANGERS)
        .map(|_| {
            let (_folder, sample) = stranger();
            let started = Instant::now();
            assert!(
                black_box(sample.verify()).is_valid(),
                "a stranger's file is valid"
            );
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let median = times.get(STRANGERS / 2).copied().unwrap_or_default();
    println!("first file of a signer, 51 KB OFD, all keys unknown: {median:.1?} (median)");
}

fn stages_of_ofd(sample: &Sample) {
    let package = Package::open(&sample.bytes).expect("a package");
    let root = package.find(document::ROOT_PART).expect("OFD.xml").file;
    let root = document::parse_root(&package.read(root).expect("read")).expect("a root");
    let parts: Vec<Vec<u8>> = package
        .files()
        .map(|file| package.read(file).expect("read").into_owned())
        .collect();
    println!("stages of {}", sample.name);
    stage("unzip: the directory and every part", &mut || {
        let package = Package::open(&sample.bytes).expect("a package");
        for file in package.files() {
            drop(black_box(package.read(file)));
        }
    });
    stage("parse: from OFD.xml to all that is shown", &mut || {
        drop(black_box(reach::reach(&package, &root)));
    });
    stage("hash: SM3 of every part", &mut || {
        for part in &parts {
            black_box(sm3(part));
        }
    });
    stage("hash: SM3 of the file", &mut || {
        black_box(sm3(&sample.bytes));
    });
    stages_of_value(&package, sample);
    stage("the whole", &mut || drop(black_box(sample.verify())));
}

fn stages_of_value(package: &Package<'_>, sample: &Sample) {
    let part = |name: &str| {
        let found = package.find(&format!("Doc_0/Signs/Sign_0/{name}"))?;
        Some(package.read(found.file).expect("read").into_owned())
    };
    let (value, description) = (part("SignedValue.dat"), part("Signature.xml"));
    let (value, description) = (value.expect("a value"), description.expect("a description"));
    let seal = part("Seal.esl");
    let claim = SignatureClaim {
        id: "1",
        signed: Message::of(&description),
        signature_xml_path: Some("/Doc_0/Signs/Sign_0/Signature.xml"),
        seal_file: seal.as_deref(),
        signature_date_time: None,
        signature_method: Some("1.2.156.10197.1.501"),
    };
    let check = if seal.is_some() {
        check_seal
    } else {
        check_sign
    };
    let (rules, nobody) = (TrustOptions::at(noon()), TrustStore::empty());
    stage("verify: signed value, seal, signatures, trust", &mut || {
        drop(black_box(check(&value, &claim, &sample.trust, &rules)));
    });
    stage("verify: the same while nobody is trusted", &mut || {
        drop(black_box(check(&value, &claim, &nobody, &rules)));
    });
}

fn stages_of_pdf(sample: &Sample) {
    println!("stages of {}", sample.name);
    stage("parse: cross-references of all revisions", &mut || {
        drop(black_box(Document::open(&sample.bytes)));
    });
    let document = Document::open(&sample.bytes).expect("a document");
    stage("parse: form fields of the last revision", &mut || {
        drop(black_box(fields::all(&document, document.last())));
    });
    stage("hash: SM3 of the file", &mut || {
        black_box(sm3(&sample.bytes));
    });
    stage("the whole", &mut || drop(black_box(sample.verify())));
}

fn stage(name: &str, operation: &mut dyn FnMut()) {
    cost(name, &mut || cpu::repeat(ROUND / 4, &mut *operation));
}
