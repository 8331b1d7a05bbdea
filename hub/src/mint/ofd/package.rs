//! The OFD package: parts, signature description and ZIP container (GB/T 33190-2016).
//!
//! The same input gives the same bytes: parts stand in a fixed order, times in the container are
//! the ZIP epoch, SM2 signatures are deterministic.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::digest::sm3;
use chrono::{DateTime, FixedOffset, Utc};
use schemas::date::SHANGHAI;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::MintError;
use super::super::drawing::Area;
use super::page::NAMESPACE;

/// Folder of the one signature.
const SIGN_FOLDER: &str = "Doc_0/Signs/Sign_0";
/// List of signatures, named by `OFD.xml`.
pub(super) const SIGNATURES: &str = "Doc_0/Signs/Signatures.xml";
/// Description of the signature: what is signed.
pub(super) const SIGNATURE: &str = "Doc_0/Signs/Sign_0/Signature.xml";
/// The seal alone, beside the signature.
pub(super) const SEAL: &str = "Doc_0/Signs/Sign_0/Seal.esl";
/// The signed value.
pub(super) const SIGNED_VALUE: &str = "Doc_0/Signs/Sign_0/SignedValue.dat";
/// SM2 with SM3, as `SignatureMethod` names it.
const SM2_WITH_SM3: &str = "1.2.156.10197.1.501";
/// SM3, as `CheckMethod` names it.
const SM3: &str = "1.2.156.10197.1.401";

/// The parts of a package in the order in which they are stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts(Vec<(String, Vec<u8>)>);

/// A seal's place on the page.
pub(super) struct Stamp {
    /// Object number of the page.
    pub(super) page: u32,
    /// Object number of the stamp.
    pub(super) id: u32,
    /// Where it stands.
    pub(super) area: Area,
}

impl Parts {
    /// Adds a part, or replaces the one of the same name in place.
    pub(super) fn put(&mut self, name: &str, bytes: Vec<u8>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = bytes,
            None => self.0.push((name.to_owned(), bytes)),
        }
    }

    /// Adds an XML part, with its declaration.
    pub(super) fn put_xml(&mut self, name: &str, xml: &str) {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}\n");
        self.put(name, text.into_bytes());
    }

    /// Content of a part.
    pub(super) fn part(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, bytes)| bytes.as_slice())
    }

    /// Takes a part out.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Names and contents in order.
    fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Packs the parts.
    pub(super) fn zip(&self) -> Result<Vec<u8>, MintError> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().unix_permissions(0o644);
        for (name, bytes) in self.iter() {
            writer.start_file(name, options)?;
            writer.write_all(bytes).map_err(zip::result::ZipError::Io)?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

/// `Signatures.xml` with the one signature of the given type.
pub(super) fn signature_list(kind: &str) -> String {
    format!(
        "<ofd:Signatures xmlns:ofd=\"{NAMESPACE}\"><ofd:MaxSignId>1</ofd:MaxSignId>\
         <ofd:Signature ID=\"1\" Type=\"{kind}\" BaseLoc=\"/{SIGNATURE}\"/></ofd:Signatures>"
    )
}

/// `Signature.xml`: references to every part except the signature's own, with `except` left out.
/// With a stamp it is a seal's, else a plain signature's.
pub(super) fn signature_description(
    parts: &Parts,
    stamp: Option<&Stamp>,
    except: Option<&str>,
    at: DateTime<Utc>,
) -> String {
    let mut references = String::new();
    for (name, bytes) in parts.iter() {
        let own = [SIGNATURES, SIGNATURE, SIGNED_VALUE].contains(&name);
        if own || except == Some(name) {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = write!(
            references,
            "<ofd:Reference FileRef=\"/{name}\"><ofd:CheckValue>{}</ofd:CheckValue>\
             </ofd:Reference>",
            STANDARD.encode(sm3(bytes)),
        );
    }
    let seal = stamp.map_or_else(String::new, |stamp| {
        let Area {
            x,
            y,
            width,
            height,
        } = stamp.area;
        let (id, page) = (stamp.id, stamp.page);
        format!(
            "<ofd:StampAnnot ID=\"{id}\" PageRef=\"{page}\" \
             Boundary=\"{x:.3} {y:.3} {width:.3} {height:.3}\"/>\
             <ofd:Seal><ofd:BaseLoc>/{SEAL}</ofd:BaseLoc></ofd:Seal>"
        )
    });
    let local: DateTime<FixedOffset> = at.with_timezone(&SHANGHAI);
    format!(
        "<ofd:Signature xmlns:ofd=\"{NAMESPACE}\"><ofd:SignedInfo>\
         <ofd:Provider ProviderName=\"License Hub\" Company=\"License Hub\" Version=\"{}\"/>\
         <ofd:SignatureMethod>{SM2_WITH_SM3}</ofd:SignatureMethod>\
         <ofd:SignatureDateTime>{}</ofd:SignatureDateTime>\
         <ofd:References CheckMethod=\"{SM3}\">{references}</ofd:References>{seal}\
         </ofd:SignedInfo><ofd:SignedValue>/{SIGN_FOLDER}/SignedValue.dat</ofd:SignedValue>\
         </ofd:Signature>",
        env!("CARGO_PKG_VERSION"),
        local.format("%Y-%m-%d %H:%M:%S"),
    )
}
