//! The text formats as they are published, and what is refused.

use super::*;

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: "hub.example/zhejiang".to_owned(),
        size: 42,
        root: [7; 32],
    }
}

fn note() -> SignedNote {
    let signature = NoteSignature {
        name: "zhejiang".to_owned(),
        key_id: [1, 2, 3, 4],
        signature: vec![9; 71],
    };
    SignedNote {
        text: checkpoint().to_text(),
        signatures: vec![signature],
    }
}

fn proof() -> Proof {
    Proof {
        extra: Some(b"{\"v\":1}".to_vec()),
        index: 41,
        path: vec![[1; 32], [2; 32]],
        checkpoint: note().to_text(),
    }
}

#[test]
fn every_format_survives_a_round_trip() {
    assert_eq!(Checkpoint::parse(&checkpoint().to_text()), Ok(checkpoint()));
    assert_eq!(SignedNote::parse(&note().to_text()), Ok(note()));
    assert_eq!(Proof::parse(&proof().to_text()), Ok(proof()));
    let bare = Proof {
        extra: None,
        path: Vec::new(),
        ..proof()
    };
    assert_eq!(Proof::parse(&bare.to_text()), Ok(bare));
}

#[test]
fn the_formats_are_written_as_published() {
    let root = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let text = format!("hub.example/zhejiang\n42\n{root}\n");
    assert_eq!(checkpoint().to_text(), text);
    let note = note().to_text();
    assert!(
        note.starts_with(&format!("{text}\n\u{2014} zhejiang AQIDBAkJ")),
        "{note}"
    );
    let proof = proof().to_text();
    let head = "c2sp.org/tlog-proof@v1\nextra eyJ2IjoxfQ==\nindex 41\nAQEB";
    assert!(proof.starts_with(head), "{proof}");
    assert!(proof.ends_with(&format!("\n\n{note}")), "{proof}");
}

#[track_caller]
fn check_checkpoint(text: &str) {
    assert!(Checkpoint::parse(text).is_err(), "{text:?} was read");
}

#[test]
fn faulty_checkpoints_are_refused() {
    let good = checkpoint().to_text();
    check_checkpoint("");
    check_checkpoint(good.trim_end());
    check_checkpoint(&good.replace("42", "042"));
    check_checkpoint(&good.replace("42", "+42"));
    check_checkpoint(&good.replace("42", "18446744073709551616"));
    check_checkpoint(&good.replace("Bwc=", "Bw=="));
    check_checkpoint(&good.replace("hub.example/zhejiang", ""));
    check_checkpoint(&good.replace("zhejiang", "zhe\rjiang"));
    check_checkpoint(&format!("{good}\n"));
    assert!(Checkpoint::parse(&format!("{good}an extension\n")).is_ok());
}

#[track_caller]
fn check_note(text: &str) {
    assert!(SignedNote::parse(text).is_err(), "{text:?} was read");
}

#[test]
fn faulty_notes_are_refused() {
    let good = note().to_text();
    check_note("");
    check_note(good.trim_end());
    check_note(&good.replace('\u{2014}', "-"));
    check_note(&good.replace(" zhejiang ", " zhe+jiang "));
    check_note(&good.replace("\u{2014} zhejiang AQID", "\u{2014} zhejiang !QID"));
    check_note(&format!(
        "{}\n\u{2014} zhejiang AQIDBA==\n",
        checkpoint().to_text()
    ));
    check_note(&format!("{}\t", good));
    check_note(&format!(
        "{good}{}",
        "\u{2014} a AQIDBAk=\n".repeat(NOTE_SIGNATURES_MAX)
    ));
    check_note(&format!("{}{good}", "a\n".repeat(NOTE_BYTES_MAX / 2)));
}

#[track_caller]
fn check_proof(text: &str) {
    assert!(Proof::parse(text).is_err(), "{text:?} was read");
}

#[test]
fn faulty_proofs_are_refused() {
    let good = proof().to_text();
    check_proof("");
    check_proof(&good.replace("@v1", "@v2"));
    check_proof(&good.replace("index 41", "index -1"));
    check_proof(&good.replace("index 41\n", ""));
    check_proof(&good.replace("extra eyJ", "extra !yJ"));
    check_proof(&good.replace("AQEB", "AQE"));
    let hash = format!("{}\n", STANDARD.encode([3; 32]));
    let deep = format!("index 41\n{}", hash.repeat(PATH_HASHES_MAX));
    check_proof(&good.replace("index 41\n", &deep));
    let long = Proof {
        extra: Some(vec![0; LEAF_BYTES_MAX + 1]),
        ..proof()
    };
    check_proof(&long.to_text());
    check_proof(&good.replace("\u{2014}", "-"));
}
