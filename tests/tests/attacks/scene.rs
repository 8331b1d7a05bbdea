//! Who takes part, and how a package is put together and sealed.

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::digest::sm3;
use certs::mint::certificate::{Usage, Validity};
use certs::mint::credential::Credential;
use certs::mint::picture::round_seal;
use certs::mint::pki::DevelopmentPki;
use certs::mint::seal::{SealFaults, SealPlan, SigningInput, make_seal, sign_with_seal};
use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use chrono::{DateTime, Duration, Utc};
use schemas::verdict::{FindingCode, SealVersion, Verdict};

pub(super) const PAGE: &str = "Doc_0/Pages/Page_0/Content.xml";
pub(super) const LIST: &str = "Doc_0/Signs/Signatures.xml";
pub(super) const SIGNATURE: &str = "Doc_0/Signs/Sign_0/Signature.xml";
pub(super) const VALUE: &str = "Doc_0/Signs/Sign_0/SignedValue.dat";
pub(super) const SEAL: &str = "Doc_0/Signs/Sign_0/Seal.esl";
const OFD: &str = "xmlns='http://www.ofdspec.org/2016'";
/// What a reader shows when an attack succeeds.
pub(super) const EVIL: &str = "<Page><Content>evil</Content></Page>";

/// The document: `{OFD}` stands for the namespace, `{LIST}` for the list of signatures.
const FILES: &[(&str, &str)] = &[
    (
        "OFD.xml",
        "<OFD {OFD}><DocBody><DocInfo><Cover>Doc_0/Cover.png</Cover></DocInfo>\
         <DocRoot>Doc_0/Document.xml</DocRoot><Signatures>/{LIST}</Signatures></DocBody></OFD>",
    ),
    ("Doc_0/Cover.png", "cover"),
    (
        "Doc_0/Document.xml",
        "<Document {OFD}><CommonData><PublicRes>PublicRes.xml</PublicRes>\
         <TemplatePage ID='7' BaseLoc='Tpls/Tpl_0.xml'/></CommonData>\
         <Pages><Page ID='1' BaseLoc='Pages/Page_0/Content.xml'/></Pages>\
         <Annotations>Annots.xml</Annotations><Attachments>Attachs.xml</Attachments>\
         <CustomTags>Tags.xml</CustomTags><Extensions>Extensions.xml</Extensions></Document>",
    ),
    (
        "Doc_0/PublicRes.xml",
        "<Res {OFD} BaseLoc='Res'><Fonts><Font ID='3'><FontFile>song.ttf</FontFile></Font>\
         </Fonts></Res>",
    ),
    ("Doc_0/Res/song.ttf", "font"),
    ("Doc_0/Tpls/Tpl_0.xml", "<Page {OFD}/>"),
    (
        PAGE,
        "<Page {OFD}><PageRes>PageRes.xml</PageRes><Template TemplateID='7'/>\
         <Content>good</Content></Page>",
    ),
    (
        "Doc_0/Annots.xml",
        "<Annotations {OFD}><Page PageID='1'><FileLoc>Annot_1.xml</FileLoc></Page></Annotations>",
    ),
    ("Doc_0/Annot_1.xml", "<PageAnnot {OFD}/>"),
    (
        "Doc_0/Attachs.xml",
        "<Attachments {OFD}><Attachment><FileLoc>note.pdf</FileLoc></Attachment></Attachments>",
    ),
    ("Doc_0/note.pdf", "note"),
    (
        "Doc_0/Tags.xml",
        "<CustomTags {OFD}><CustomTag><FileLoc>tag.xml</FileLoc></CustomTag></CustomTags>",
    ),
    ("Doc_0/tag.xml", "<tag/>"),
    (
        "Doc_0/Extensions.xml",
        "<Extensions {OFD}><Extension><ExtendData>data.bin</ExtendData></Extension></Extensions>",
    ),
    ("Doc_0/data.bin", "data"),
];

/// The people of the play.
pub(super) struct Scene {
    pub(super) pki: DevelopmentPki,
    /// The authority whose seal it is.
    pub(super) authority: Credential,
    /// Another office with a certificate of the same CA.
    pub(super) office: Credential,
    /// The authority's seal.
    pub(super) seal: Vec<u8>,
    pub(super) trust: TrustStore,
}

pub(super) static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let pki = DevelopmentPki::mint("攻击", signed_at()).unwrap();
    let issue = |name: &str| {
        let code = "11330105002500287C";
        pki.issue_signer(name, code, days(9), Usage::Signing)
            .unwrap()
    };
    let (authority, office) = (issue("示例区建设局"), issue("示例区公园"));
    let seal = seal(pki.maker(), &[authority.certificate()]);
    let trust = trusting(&[pki.root(), pki.issuing(), pki.maker()]);
    Scene {
        pki,
        authority,
        office,
        seal,
        trust,
    }
});

pub(super) fn signed_at() -> DateTime<Utc> {
    "2026-06-01T02:03:04Z".parse().unwrap()
}

/// So many days around the signing time.
pub(super) fn days(count: i64) -> Validity {
    Validity {
        from: signed_at() - Duration::days(count),
        until: signed_at() + Duration::days(count),
    }
}

pub(super) fn trusting(credentials: &[&Credential]) -> TrustStore {
    let mut trust = TrustStore::empty();
    for credential in credentials {
        trust.add_certificate(credential.certificate()).unwrap();
    }
    trust
}

/// A seal in the authority's name.
pub(super) fn seal(maker: &Credential, signers: &[&[u8]]) -> Vec<u8> {
    let picture = round_seal().unwrap();
    let plan = SealPlan {
        id: "11330105002500287C01",
        name: "示例区建设局电子印章",
        picture: &picture,
        signers,
        created_at: signed_at() - Duration::days(1),
        validity: days(8),
    };
    make_seal(maker, &plan, SealVersion::V4, &SealFaults::default()).unwrap()
}

/// A signed value made with a seal.
pub(super) fn sealed(seal: &[u8], signer: &Credential, signature_xml: &[u8]) -> Vec<u8> {
    let input = SigningInput {
        signature_xml,
        signature_xml_path: "/Doc_0/Signs/Sign_0/Signature.xml",
        at: signed_at(),
    };
    sign_with_seal(
        seal,
        signer,
        &input,
        SealVersion::V4,
        &SealFaults::default(),
    )
    .unwrap()
}

/// The parts of a package in the order in which they are stored.
#[derive(Clone)]
pub(super) struct Parts(pub(super) Vec<(String, Vec<u8>)>);

impl Parts {
    /// A document with one file of every kind, not yet signed.
    pub(super) fn document() -> Self {
        let mut parts = Self(Vec::new());
        for (name, content) in FILES {
            parts.set(name, content.replace("{OFD}", OFD).replace("{LIST}", LIST));
        }
        parts
    }

    /// The document, sealed by the authority; nothing but `except` is left out.
    pub(super) fn sealed_except(except: &[&str]) -> Self {
        let mut parts = Self::document();
        let description = parts.description(except);
        parts.describe(&description);
        parts
    }

    /// The document, sealed but for `OFD.xml`, as many real files are.
    pub(super) fn sealed() -> Self {
        Self::sealed_except(&["OFD.xml"])
    }

    /// `Signature.xml` over all parts but `except`.
    pub(super) fn description(&self, except: &[&str]) -> String {
        let references: String = self
            .0
            .iter()
            .filter(|(name, _)| !except.contains(&name.as_str()))
            .map(|(name, content)| reference(&format!("/{name}"), content))
            .collect();
        described(&references)
    }

    /// Has the authority seal exactly this `Signature.xml`.
    pub(super) fn describe(&mut self, description: &str) {
        let value = sealed(&SCENE.seal, &SCENE.authority, description.as_bytes());
        self.set(SIGNATURE, description);
        self.set(VALUE, value);
        self.set(SEAL, SCENE.seal.clone());
        self.list(&[("Seal", SIGNATURE)]);
    }

    /// Writes the list of signatures.
    pub(super) fn list(&mut self, lines: &[(&str, &str)]) {
        let lines: String = lines
            .iter()
            .map(|(kind, part)| format!("<Signature ID='1' Type='{kind}' BaseLoc='/{part}'/>"))
            .collect();
        self.set(LIST, format!("<Signatures {OFD}>{lines}</Signatures>"));
    }

    /// Adds a part, or replaces it where it stands.
    pub(super) fn set(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        let content = content.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = content,
            None => self.0.push((name.to_owned(), content)),
        }
    }

    pub(super) fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.set(name, content);
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// Replaces text inside a part, which must be there.
    #[track_caller]
    pub(super) fn edit(self, name: &str, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.get(name).to_vec()).unwrap();
        assert!(text.contains(from), "{from} is not in {name}");
        self.with(name, text.replace(from, to))
    }

    #[track_caller]
    pub(super) fn get(&self, name: &str) -> &[u8] {
        let found = self.0.iter().find(|(known, _)| known == name);
        &found.unwrap().1
    }

    pub(super) fn zip(&self) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.0 {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(name.as_str(), options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }
}

pub(super) fn reference(location: &str, content: &[u8]) -> String {
    let value = STANDARD.encode(sm3(content));
    format!("<Reference FileRef='{location}'><CheckValue>{value}</CheckValue></Reference>")
}

/// `Signature.xml` with these references.
pub(super) fn described(references: &str) -> String {
    format!(
        "<Signature {OFD}><SignedInfo><SignatureMethod>1.2.156.10197.1.501</SignatureMethod>\
         <SignatureDateTime>2026-06-01 10:03:04</SignatureDateTime>\
         <References CheckMethod='SM3'>{references}</References>\
         <Seal><BaseLoc>/{SEAL}</BaseLoc></Seal></SignedInfo>\
         <SignedValue>/{VALUE}</SignedValue></Signature>"
    )
}

pub(super) fn verify(bytes: &[u8], trust: &TrustStore) -> Verdict {
    let mut verdict = verify_file(bytes, trust, &VerifyOptions::at(signed_at()));
    verdict
        .warnings
        .retain(|code| *code != FindingCode::RevocationUnknown);
    verdict
}

/// The attack must be answered with this code.
#[track_caller]
pub(super) fn check(attack: &str, parts: &Parts, code: FindingCode) {
    check_bytes(attack, &parts.zip(), code);
}

#[track_caller]
pub(super) fn check_bytes(attack: &str, bytes: &[u8], code: FindingCode) {
    check_trusting(attack, bytes, &SCENE.trust, code);
}

#[track_caller]
pub(super) fn check_trusting(attack: &str, bytes: &[u8], trust: &TrustStore, code: FindingCode) {
    let verdict = verify(bytes, trust);
    let report = serde_json::to_string_pretty(&verdict).unwrap();
    assert!(!verdict.is_valid(), "{attack}: accepted\n{report}");
    assert_eq!(verdict.code, Some(code), "{attack}\n{report}");
}

/// What is no attack must stay valid, with these warnings.
#[track_caller]
pub(super) fn check_valid(case: &str, bytes: &[u8], warnings: &[FindingCode]) {
    let verdict = verify(bytes, &SCENE.trust);
    let report = serde_json::to_string_pretty(&verdict).unwrap();
    assert!(verdict.is_valid(), "{case}: refused\n{report}");
    assert_eq!(verdict.warnings, warnings, "{case}\n{report}");
}
