//! What older versions wrote stays usable: tables, key files, sealed values and a signature stand
//! here as they were written. A new form gets a version of its own beside them; these never change.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use certs::envelope_security::{EnvelopeRefusal, check_envelope};
use certs::node_key::NodeKeys;
use certs::sealing;
use schemas::message::SealedBytes;

use super::{samples, schemas_folder};

/// Every migration with the beginning of its SM3 on SQLite and on PostgreSQL. A database that ran
/// one never runs it again and refuses another text under its number: what is missing is added
/// with the next number, here too.
const MIGRATIONS: &[[&str; 3]] = &[
    ["0001_log", "0fa7003d10aa292d", "45a7ba90d0231a0b"],
    ["0002_directory", "92a1086e56a6834b", "2cd705cecc1215a8"],
    ["0003_exchange", "9d60651c24721704", "a969387bdde7d420"],
    ["0004_permits", "f77b282160d953b7", "6542d5ef113321aa"],
    ["0005_originals", "52497bc380b2a997", "cd7ec15b27ef137d"],
    [
        "0006_library_status",
        "7d13894ddb92ced3",
        "24f4bcd242f84695",
    ],
    ["0007_partitions", "7caea3ea7185ccc5", "7f6257589f1e6d69"],
    ["0008_regions", "ed100486460f02bb", "c1d2337e1c6d969a"],
    ["0009_trust", "84650e125d0f1c53", "f841ca31b116ec5d"],
    ["0010_dead_letters", "9eec993ed88f229b", "80b9dd9dd41d75bb"],
    ["0011_file_chunks", "c2e933ea283df746", "a52e0de2a57f94be"],
    ["0012_snapshots", "250e6b040e16c07f", "d30774cb85f8a47c"],
];

/// A holder's code.
const CODE: &str = "11010119900101001X";

/// Its token under [`keys`].
const TOKEN: &str = "67e95f570e8d6e99d8c0ec35ff5e60b2e89f661f324db84a04b5467aefc41453";

/// [`CODE`] in a column, sealed with [`keys`].
const COLUMN: &str = concat!(
    "011b81bb3d314a983deab84485a9a18766372c3ad3c2cc2adca6c998bb0d4611c320c1a271b285c6a31ea2c4",
    "41c4cec58b609987ad7cd3cbf08729c0276692793059b1",
);

/// [`CODE`] in a message, sealed to [`keys`].
const MESSAGE: &str = concat!(
    "AQTufe0rndX+Nhr+rzBiAdTgBZ+jlXTfM7dJ1dp9pAEmXoGPeyAEv2Cx0ZeP7NP34URvFcVNHebO8Em6xxbn0Cry",
    "MAeVCjnf4+6caeBuk4fM4baBspoTaMbVNy87ncfJKFnYORblBX6i6BH8RvCCq28hF/c2tmovYUcjFBmTmnac9Y2z",
    "QMngvDZWQDgrjTqqS6yXdbEds+qNKsHm/mVPLGkBCtVF4Dh9Gs9byTPGG0FgnxBsrNLijhhN7J6HvkCrEt67tmgo",
    "eqGi+BMNiTNPSn864wg=",
);

/// Signature by [`keys`] over the sample `envelope.v1.json`, for the topic `requests.national` and
/// the body `body`.
const SIGNATURE: &str = concat!(
    "keyid=830ecfd66c0a48b4;sig=MEUCIBOgKo8eTi7J0mDrRDdFEmASLYah9CglsU1xITBjGE38",
    "AiEA7v1ZhS79LYdS6bAHC0iIe6ah5960XihOTjBCeO9+6Uc=",
);

/// As [`SIGNATURE`], of the second of three messages that were signed together.
const BATCH_SIGNATURE: &str = concat!(
    "keyid=830ecfd66c0a48b4;place=1/3;",
    "path=vIxlOzOsSG0bGsG4G4JBl4ABdWy+5mW6knv5Ojpklb1NYTzFNofvfWq4s3gKk+QcPitE8tnsgd8Kcx8Uj6E",
    "lmQ==;",
    "sig=MEYCIQC9QXsylXs8ClERVCoz7Qi+vQZHmtaJvlPXKSVGc5tlhAIhAOZM5PvX7VoaanpWaczcGS2OvkvYeXGK",
    "Cqji7owk5qeo",
);

/// Where the sealed values belong.
const PLACE: &[u8] = b"place";

#[test]
fn migrations_stay_as_they_were_published() {
    let read = |folder: &str| -> Vec<[String; 2]> {
        let folder = schemas_folder().join("migrations").join(folder);
        let mut files: Vec<_> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let name = path.file_stem().expect("a name").to_string_lossy();
                let digest = certs::digest::sm3(&fs::read(&path).expect("a file"));
                [name.into_owned(), hex::encode(&digest[..8])]
            })
            .collect();
        files.sort();
        files
    };
    for (folder, column) in [("sqlite", 1), ("postgres", 2)] {
        let published = MIGRATIONS.iter().map(|one| [one[0], one[column]]);
        assert_eq!(
            read(folder),
            published
                .map(|one| one.map(str::to_owned))
                .collect::<Vec<_>>(),
            "{folder}"
        );
    }
}

#[test]
fn what_was_sealed_before_still_opens() {
    let keys = keys();
    assert_eq!(keys.token_key().holder_token(CODE), TOKEN);
    let column = hex::decode(COLUMN).expect("hex");
    let opened = keys.column_key().open(PLACE, &column);
    assert_eq!(opened.as_deref(), Ok(CODE.as_bytes()));
    let message = SealedBytes {
        recipient_key: keys.public().encryption_key_id().to_owned(),
        sealed: MESSAGE.to_owned(),
    };
    let opened = sealing::open(&keys, PLACE, &message);
    assert_eq!(opened.as_deref(), Ok(CODE.as_bytes()));
}

#[test]
fn what_was_signed_before_is_still_believed() {
    for signature in [SIGNATURE, BATCH_SIGNATURE] {
        let public = keys().public();
        let known = |_: &str, _: &str| Some(public.clone());
        let headers = signed_with(signature);
        let checked = check_envelope(&headers, "requests.national", b"body", &known);
        assert_eq!(checked.expect("believed").origin, "sichuan");
        let refused = check_envelope(&headers, "requests.national", b"bode", &known);
        assert_eq!(refused, Err(EnvelopeRefusal::Signature));
    }
}

/// The headers of the sample `envelope.v1.json` with this signature.
fn signed_with(signature: &str) -> Vec<(String, String)> {
    let sample = samples()
        .into_iter()
        .find(|sample| sample.file == "envelope.v1.json")
        .expect("the sample");
    let members = sample.value.as_object().expect("an object");
    members
        .iter()
        .map(|(name, value)| match name.as_str() {
            "hubsig" => (name.clone(), signature.to_owned()),
            _ => (name.clone(), value.as_str().expect("text").to_owned()),
        })
        .collect()
}

/// Keys of a key file of version 1.
fn keys() -> NodeKeys {
    let [signing, encryption, column, token] = ["03", "04", "05", "06"].map(|byte| byte.repeat(32));
    let text = serde_json::json!({
        "version": 1,
        "signing": signing,
        "encryption": encryption,
        "column": column,
        "token": token,
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.keys");
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.expect("a file");
    file.write_all(text.to_string().as_bytes())
        .expect("written");
    NodeKeys::from_file(&path).expect("keys")
}
