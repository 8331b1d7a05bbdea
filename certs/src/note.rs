//! Signed heads of the provenance log, and offline proof that a leaf is under one.
//!
//! The text formats are in [`schemas::proof`]. The signature line is SM2 in DER over the note's
//! text; its key id is the first 4 bytes of SM3(name ‖ `\n` ‖ ff ‖ `sm2` ‖ point): signed-note
//! leaves signature type ff to kinds of keys that it does not list. \[P\] profile.

use schemas::proof::{Checkpoint, NoteSignature, Proof, ProofError, SignedNote, is_key_name};
use sm3::{Digest as _, Sm3};

use crate::merkle::{LogHash, verify_inclusion};
use crate::node_key::{KeyError, NodeKeys, NodePublicKeys};

/// Signature type of a kind of key that signed-note does not list, and the kind's name.
const SM2_SIGNATURE_TYPE: &[u8] = b"\xffsm2";

/// Why a head was not signed or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The signature could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The text is not a note, checkpoint or proof.
    #[error(transparent)]
    Format(#[from] ProofError),
    /// No line carries a signature of this name and key.
    #[error("the note is not signed by the expected key")]
    Unsigned,
    /// The signature is wrong.
    #[error("the signature of the note is wrong")]
    Signature,
    /// The proof holds no leaf.
    #[error("the proof holds no leaf")]
    NoLeaf,
    /// The path does not lead from the leaf to the signed root.
    #[error("the path does not lead from the leaf to the signed root")]
    Path,
}

impl NoteError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key(error) => error.code(),
            Self::Format(error) => error.code(),
            Self::Unsigned => "PROOF_UNSIGNED",
            Self::Signature => "PROOF_SIGNATURE",
            Self::NoLeaf => "PROOF_NO_LEAF",
            Self::Path => "PROOF_PATH",
        }
    }
}

/// Signs the head of a log; the result is a signed note.
///
/// # Errors
/// `name` or the checkpoint's origin cannot stand in a note; the signature fails.
pub fn sign_checkpoint(
    checkpoint: &Checkpoint,
    name: &str,
    keys: &NodeKeys,
) -> Result<String, NoteError> {
    let text = checkpoint.to_text();
    if !is_key_name(name) || Checkpoint::parse(&text)? != *checkpoint {
        return Err(ProofError::Malformed("checkpoint").into());
    }
    let signature = keys.sign(text.as_bytes())?;
    let line = NoteSignature {
        name: name.to_owned(),
        key_id: note_key_id(name, keys.public_keys()),
        signature,
    };
    Ok(SignedNote {
        text,
        signatures: vec![line],
    }
    .to_text())
}

/// Reads a signed head and checks that `name` signed it with `keys`; lines of other signers are
/// left alone.
///
/// # Errors
/// Not a signed checkpoint, not signed by this key, or a wrong signature.
pub fn verify_checkpoint(
    note: &str,
    name: &str,
    keys: &NodePublicKeys,
) -> Result<Checkpoint, NoteError> {
    let note = SignedNote::parse(note)?;
    let key_id = note_key_id(name, keys);
    let line = note
        .signatures
        .iter()
        .find(|line| line.name == name && line.key_id == key_id)
        .ok_or(NoteError::Unsigned)?;
    if !keys.verify(note.text.as_bytes(), &line.signature) {
        return Err(NoteError::Signature);
    }
    Ok(Checkpoint::parse(&note.text)?)
}

/// Checks a whole proof offline: the head's signature, and the path from the leaf's bytes to the
/// signed root. Returns the head.
///
/// # Errors
/// What [`verify_checkpoint`] refuses; no leaf; a path that does not lead to the root.
pub fn verify_proof(
    proof: &Proof,
    hash: LogHash,
    name: &str,
    keys: &NodePublicKeys,
) -> Result<Checkpoint, NoteError> {
    let head = verify_checkpoint(&proof.checkpoint, name, keys)?;
    let leaf = hash.leaf(proof.extra.as_ref().ok_or(NoteError::NoLeaf)?);
    if verify_inclusion(hash, &leaf, proof.index, head.size, &proof.path, &head.root) {
        Ok(head)
    } else {
        Err(NoteError::Path)
    }
}

fn note_key_id(name: &str, keys: &NodePublicKeys) -> [u8; 4] {
    let digest = Sm3::new()
        .chain_update(name)
        .chain_update(b"\n")
        .chain_update(SM2_SIGNATURE_TYPE)
        .chain_update(keys.signing_point())
        .finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "zhejiang";

    fn keys() -> NodeKeys {
        NodeKeys::generate().expect("keys")
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "hub.example/zhejiang".to_owned(),
            size: 3,
            root: [7; 32],
        }
    }

    #[track_caller]
    fn check(note: &str, name: &str, keys: &NodeKeys, expected: &str) {
        let error = verify_checkpoint(note, name, &keys.public()).expect_err("a refusal");
        assert_eq!(error.code(), expected);
    }

    #[test]
    fn a_head_is_believed_only_as_it_was_signed() {
        let (keys, other) = (keys(), keys());
        let note = sign_checkpoint(&checkpoint(), NAME, &keys).expect("signed");
        let head = verify_checkpoint(&note, NAME, &keys.public()).expect("verified");
        assert_eq!(head, checkpoint());
        check(&note, NAME, &other, "PROOF_UNSIGNED");
        check(&note, "other", &keys, "PROOF_UNSIGNED");
        check(
            &note.replace("\n3\n", "\n4\n"),
            NAME,
            &keys,
            "PROOF_SIGNATURE",
        );
        check(
            &note.replace("example", "sample"),
            NAME,
            &keys,
            "PROOF_SIGNATURE",
        );
        check(note.trim_end(), NAME, &keys, "PROOF_MALFORMED");
        let witnessed = sign_checkpoint(&checkpoint(), "witness", &other).expect("signed");
        let (_, line) = witnessed.split_once("\n\n").expect("a note");
        let both = verify_checkpoint(&format!("{note}{line}"), NAME, &keys.public());
        assert_eq!(both.expect("verified"), checkpoint());
    }

    #[test]
    fn what_cannot_stand_in_a_note_is_not_signed() {
        let keys = keys();
        assert!(sign_checkpoint(&checkpoint(), "two words", &keys).is_err());
        let forged = Checkpoint {
            origin: "a\n9\nb".to_owned(),
            ..checkpoint()
        };
        assert!(sign_checkpoint(&forged, NAME, &keys).is_err());
    }

    #[test]
    fn proofs_are_checked_from_leaf_to_signature() {
        let (keys, hash) = (keys(), LogHash::Sm3);
        let hashes = [b"a", b"b", b"c"].map(|leaf| hash.leaf(leaf));
        let left = hash.node(&hashes[0], &hashes[1]);
        let head = Checkpoint {
            root: hash.node(&left, &hashes[2]),
            ..checkpoint()
        };
        let proof = Proof {
            extra: Some(b"b".to_vec()),
            index: 1,
            path: vec![hashes[0], hashes[2]],
            checkpoint: sign_checkpoint(&head, NAME, &keys).expect("signed"),
        };
        let verify = |proof: &Proof| {
            verify_proof(proof, hash, NAME, &keys.public()).map_err(|error| error.code())
        };
        assert_eq!(verify(&proof), Ok(head));
        let other_leaf = Proof {
            extra: Some(b"x".to_vec()),
            ..proof.clone()
        };
        assert_eq!(verify(&other_leaf), Err("PROOF_PATH"));
        assert_eq!(
            verify(&Proof {
                index: 0,
                ..proof.clone()
            }),
            Err("PROOF_PATH")
        );
        assert_eq!(
            verify(&Proof {
                extra: None,
                ..proof.clone()
            }),
            Err("PROOF_NO_LEAF")
        );
        let other_root = sign_checkpoint(&checkpoint(), NAME, &keys).expect("signed");
        assert_eq!(
            verify(&Proof {
                checkpoint: other_root,
                ..proof
            }),
            Err("PROOF_PATH")
        );
    }
}
