//! Invariants 1 and 5: only a verified file leaves, under a permit; what was verified are the
//! original bytes, and they are what is handed out.

use std::io::{Cursor, Read, Write};

use certs::verify::{VerifyOptions, verify_file};
use hub::files;
use hub::permits::{self, Duty};
use hub::refusal::Refusal;
use schemas::verdict::{FindingCode, Verdict};
use tests::{MATTER, SICHUAN, TestHub, ZHEJIANG, caller, noon, purpose};
use zip::write::SimpleFileOptions;

/// A change of one part of a package.
type Edit = fn(Vec<u8>) -> Vec<u8>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_is_for_its_caller_its_licence_and_its_term() {
    let hub = TestHub::start(2, 2).await;
    hub.sync().await;
    let (identifier, node) = (hub.identifier(0), hub.node(SICHUAN));
    let mut stranger = caller();
    stranger.system = "another-desk".to_owned();
    let permit = async || hub.permit(&identifier, MATTER).await.expect("decided");

    let permitted = permit().await.permit.expect("the duty permits");
    let taken = files::deliver(node, &stranger, permitted, &identifier).await;
    assert!(matches!(taken, Err(Refusal::PermitUnknown)));
    let permitted = permit().await.permit.expect("the duty permits");
    let other = files::deliver(node, &caller(), permitted, &hub.identifier(1)).await;
    assert!(matches!(other, Err(Refusal::PermitUnknown)));

    let decided = permit().await;
    let resume = async |who| permits::resume(node, &who, &decided.record.id, &identifier).await;
    assert!(matches!(
        resume(stranger).await,
        Err(Refusal::PermitUnknown)
    ));
    assert!(resume(caller()).await.is_ok());
    let denied = hub.permit(&identifier, "another").await.expect("decided");
    assert!(denied.permit.is_none());
    let denied = permits::resume(node, &caller(), &denied.record.id, &identifier).await;
    assert!(matches!(denied, Err(Refusal::NotPermitted { .. })));

    hub.clock.set(decided.record.expires_at);
    assert!(matches!(
        resume(caller()).await,
        Err(Refusal::PermitExpired)
    ));
    let permitted = decided.permit.expect("the duty permits");
    let late = files::deliver(node, &caller(), permitted, &identifier).await;
    assert!(matches!(late, Err(Refusal::PermitExpired)));
    assert_eq!(hub.leaves(SICHUAN, "deliver", "*").await, 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handed_out_is_what_was_verified() {
    let mut hub = TestHub::start(1, 1).await;
    let types = schemas::licence_type::LicenceTypes::builtin();
    let duty = Duty {
        organisation: caller().organisation,
        matter: MATTER.to_owned(),
        licence_types: types.iter().map(|one| one.code.clone()).collect(),
    };
    hub.restart_with(ZHEJIANG, |config| config.duties = vec![duty])
        .await;
    hub.sync().await;
    let (identifier, home) = (hub.identifier(0), hub.node(ZHEJIANG));
    let deliver = async || {
        let decision = permits::decide(home, &caller(), &identifier, &purpose(MATTER)).await;
        let permit = decision.expect("decided").permit.expect("the duty permits");
        files::deliver(home, &caller(), permit, &identifier).await
    };
    let name = hub.items[0].entry.file.clone().expect("a file");
    let original = hub.library().join("files").join(name);
    // As good as the registered one, but not the one that the directory names.
    std::fs::write(&original, hub.resealed_file(0)).expect("writes");
    assert!(matches!(deliver().await, Err(Refusal::DigestMismatch)));
    hub.write_library();
    deliver().await.expect("delivered at home");
    // The library changes behind the node's back, while the file is in memory.
    std::fs::write(&original, b"another file").expect("writes");
    let delivery = deliver().await.expect("delivered from memory");
    assert_eq!(Some(delivery.bytes().to_vec()), hub.items[0].file);
    let sm3 = hex::encode(certs::digest::sm3(delivery.bytes()));
    assert_eq!(
        delivery.verdict().sm3,
        sm3,
        "the verdict is about these bytes"
    );
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_mean_the_same_are_not_the_same() {
    let hub = TestHub::start(1, 1).await;
    let file = hub.items[0].file.clone().expect("a file");
    assert!(verified(&hub, &file).is_valid());
    assert!(verified(&hub, &rewritten(&file, "", |part| part)).is_valid());
    let names = part_names(&file);
    let signature = names.iter().find(|name| name.ends_with("/Signature.xml"));
    let signature = signature.expect("a signature");
    let unsigned = ["Signature.xml", "Signatures.xml"];
    let signed: Vec<&String> = names
        .iter()
        .filter(|name| name.ends_with(".xml"))
        .filter(|name| !unsigned.iter().any(|part| name.ends_with(part)))
        .collect();
    assert!(signed.len() >= 4, "{names:?}");
    // To an XML parser each of these is the same document.
    let edits: [(&str, Edit); 3] = [
        ("byte order mark", |part| {
            [b"\xEF\xBB\xBF".as_slice(), &part].concat()
        }),
        ("line break at the end", |part| {
            [part.as_slice(), b"\n"].concat()
        }),
        ("line breaks", |part| {
            String::from_utf8(part)
                .expect("UTF-8")
                .replace("?>", "?>\r\n")
                .into_bytes()
        }),
    ];
    for (what, edit) in edits {
        for name in &signed {
            let verdict = verified(&hub, &rewritten(&file, name, edit));
            assert_eq!(
                verdict.code,
                Some(FindingCode::RefDigest),
                "{what} in {name}"
            );
        }
        let verdict = verified(&hub, &rewritten(&file, signature, edit));
        assert_eq!(
            verdict.code,
            Some(FindingCode::DataHash),
            "{what} in {signature}"
        );
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_value_encoded_anew_is_not_valid() {
    let hub = TestHub::start(1, 1).await;
    let file = hub.items[0].file.clone().expect("a file");
    let name = part_names(&file)
        .into_iter()
        .find(|name| name.ends_with("SignedValue.dat"))
        .expect("a signed value");
    // Outer length in three bytes instead of two: BER says the same, DER forbids it.
    let longer = |value: Vec<u8>| {
        assert_eq!(value[..2], [0x30, 0x82]);
        [&[0x30, 0x83, 0x00], &value[2..]].concat()
    };
    let verdict = verified(&hub, &rewritten(&file, &name, longer));
    assert_eq!(verdict.code, Some(FindingCode::SvMalformed));
    hub.stop().await;
}

fn verified(hub: &TestHub, file: &[u8]) -> Verdict {
    verify_file(file, &hub.node(SICHUAN).trust(), &VerifyOptions::at(noon()))
}

fn part_names(file: &[u8]) -> Vec<String> {
    let mut package = zip::ZipArchive::new(Cursor::new(file)).expect("a package");
    (0..package.len())
        .map(|index| name_of(&package.by_index(index).expect("an entry")))
        .collect()
}

/// The package written again, with one part changed.
fn rewritten(file: &[u8], name: &str, edit: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut package = zip::ZipArchive::new(Cursor::new(file)).expect("a package");
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..package.len() {
        let mut entry = package.by_index(index).expect("an entry");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("inflates");
        let entry_name = name_of(&entry);
        if entry_name == name {
            content = edit(content);
        }
        let options = SimpleFileOptions::default();
        writer.start_file(entry_name, options).expect("starts");
        writer.write_all(&content).expect("writes");
    }
    writer.finish().expect("ends").into_inner()
}

fn name_of<R: Read>(entry: &zip::read::ZipFile<'_, R>) -> String {
    entry.name().expect("a readable name").into_owned()
}
