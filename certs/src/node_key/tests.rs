//! Keys in their file, signatures, and what is shown of keys.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn keys_survive_their_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.key");
    let keys = NodeKeys::generate().expect("keys");
    keys.to_file(&path).expect("written");
    assert_eq!(
        fs::metadata(&path).expect("a file").permissions().mode() & 0o777,
        0o600
    );
    let read = NodeKeys::from_file(&path).expect("read");
    assert_eq!(read.public(), keys.public());
    let token = keys.token_key().holder_token("91330000MA0000001X");
    assert_eq!(read.token_key().holder_token("91330000MA0000001X"), token);
    let column = keys.column_key().seal(b"a", b"b").expect("sealed");
    assert_eq!(read.column_key().open(b"a", &column).expect("opened"), b"b");
    assert!(
        matches!(keys.to_file(&path), Err(KeyError::File(_))),
        "overwritten"
    );
}

#[track_caller]
fn check_file(text: &[u8], mode: u32, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.key");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
    let code = NodeKeys::from_file(&path).expect_err("a refusal").code();
    assert_eq!(code, expected);
}

#[test]
fn faulty_key_files_are_refused() {
    let keys = NodeKeys::generate().expect("keys");
    let good = serde_json::to_string(&keys.secrets).expect("text");
    for mode in [0o640, 0o604, 0o660] {
        check_file(good.as_bytes(), mode, "KEY_FILE_MODE");
    }
    check_file(b"", 0o600, "KEY_MALFORMED");
    check_file(
        good.replace("\"version\":1", "\"version\":2").as_bytes(),
        0o600,
        "KEY_MALFORMED",
    );
    let zero = "0".repeat(64);
    check_file(
        good.replace(&keys.secrets.signing, &zero).as_bytes(),
        0o600,
        "KEY_MALFORMED",
    );
    check_file(
        good.replace(&keys.secrets.token, "00").as_bytes(),
        0o600,
        "KEY_MALFORMED",
    );
    check_file(&vec![b' '; 1 << 20], 0o600, "KEY_MALFORMED");
}

#[test]
fn signatures_hold_for_their_key_and_message_only() {
    let (keys, other) = (
        NodeKeys::generate().expect("keys"),
        NodeKeys::generate().expect("keys"),
    );
    let signature = keys.sign(b"message").expect("signed");
    assert!(keys.public().verify(b"message", &signature));
    assert!(!keys.public().verify(b"massage", &signature));
    assert!(!other.public().verify(b"message", &signature));
    for place in 0..signature.len() {
        let mut changed = signature.clone();
        changed[place] ^= 1;
        assert!(!keys.public().verify(b"message", &changed), "byte {place}");
    }
    assert!(
        !keys
            .public()
            .verify(b"message", &[signature, vec![0]].concat())
    );
}

#[test]
fn public_keys_are_published_in_hex() {
    let public = NodeKeys::generate().expect("keys").public();
    let text = serde_json::to_string(&public).expect("text");
    let read: NodePublicKeys = serde_json::from_str(&text).expect("read");
    assert_eq!(read, public);
    assert_eq!(read.key_id().len(), 16);
    assert_ne!(read.key_id(), read.encryption_key_id());
    let off_curve = text.replacen("\"04", "\"0400", 1).replacen("00\"", "\"", 1);
    assert!(serde_json::from_str::<NodePublicKeys>(&off_curve).is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let keys = NodeKeys::generate().expect("keys");
    let shown = format!("{keys:?} {:?} {:?}", keys.column_key(), keys.token_key());
    for secret in [
        &keys.secrets.signing,
        &keys.secrets.column,
        &keys.secrets.token,
    ] {
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
    assert!(shown.contains("[secret]"));
}

#[test]
fn a_rolled_pair_is_taken_up_and_the_older_one_still_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.keys");
    let keys = NodeKeys::generate().expect("keys");
    keys.to_file(&path).expect("written");
    let sealed = crate::sealing::seal(&keys.public(), b"aad", b"plain").expect("sealed");
    let added = roll(&path).expect("rolled");
    assert_eq!(
        fs::metadata(&path).expect("a file").permissions().mode() & 0o777,
        0o600
    );
    assert!(matches!(
        keys.sign_by(added.key_id(), b"m"),
        Err(KeyError::Unknown)
    ));
    keys.take_up(&path).expect("taken up");
    assert_eq!(keys.all_public(), [keys.public(), added.clone()]);
    let signature = keys.sign_by(added.key_id(), b"m").expect("signed");
    assert!(added.verify(b"m", &signature));
    assert!(!keys.public().verify(b"m", &signature));
    let newer = crate::sealing::seal(&added, b"aad", b"newer").expect("sealed");
    let read = NodeKeys::from_file(&path).expect("read");
    for keys in [&keys, &read] {
        let opened = crate::sealing::open(keys, b"aad", &sealed);
        assert_eq!(opened.as_deref(), Ok(b"plain".as_slice()));
        let opened = crate::sealing::open(keys, b"aad", &newer);
        assert_eq!(opened.as_deref(), Ok(b"newer".as_slice()));
    }
    assert_eq!(read.public(), keys.public(), "the log keeps its name");
}

#[test]
fn pairs_are_bounded_and_other_files_are_not_taken_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.keys");
    NodeKeys::generate()
        .expect("keys")
        .to_file(&path)
        .expect("written");
    for _ in 1..PAIRS_MAX {
        roll(&path).expect("rolled");
    }
    assert!(matches!(roll(&path), Err(KeyError::Full)));
    let read = NodeKeys::from_file(&path).expect("fits the bound on the file");
    assert_eq!(read.all_public().len(), PAIRS_MAX);
    let other = NodeKeys::generate().expect("keys");
    assert!(matches!(other.take_up(&path), Err(KeyError::Malformed)));
}
