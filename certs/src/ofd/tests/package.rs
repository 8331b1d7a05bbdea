//! Packages made and signed for the tests.

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use schemas::entry::{Entry, SourceEntry};
use schemas::metadata::Metadata;
use schemas::verdict::SealVersion;

use crate::digest::DigestAlgorithm;
use crate::mint::certificate::{Usage, Validity};
use crate::mint::credential::Credential;
use crate::mint::picture::round_seal;
use crate::mint::pki::DevelopmentPki;
use crate::mint::seal::{SealFaults, SealPlan, SigningInput, make_seal, sign_with_seal};
use crate::trust::TrustStore;

pub(super) const NUMBER: &str = "SECRET-0001";
const ENTRY: &str = r#"{
    "identifier": "1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.20240001.001.X",
    "licence_name": "示例施工许可证", "type_name": "示例施工许可证",
    "type_code": "11990000MB999999XE001", "issuer_name": "示例区建设局",
    "issuer_code": "11330105002500287C", "issued_on": "20240629", "region": "330105",
    "number": "SECRET-0001",
    "holders": [{"name": "测试企业", "code": "11370800MB28559184", "code_type": "001"}]}"#;

pub(super) struct Fixture {
    pub(super) entry: Entry,
    pub(super) signer: Credential,
    pub(super) seal: Vec<u8>,
    pub(super) trust: TrustStore,
}

pub(super) static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let line: String = ENTRY.lines().collect();
    let source = SourceEntry::parse_line(line.as_bytes()).unwrap();
    let pki = DevelopmentPki::mint("测试", signed_at()).unwrap();
    let validity = Validity {
        from: signed_at() - Duration::days(9),
        until: signed_at() + Duration::days(9),
    };
    let unit = "示例区建设局";
    let signer = pki
        .issue_signer(unit, "11330105002500287C", validity, Usage::Signing)
        .unwrap();
    let picture = round_seal().unwrap();
    let plan = SealPlan {
        id: "TEST0001",
        name: unit,
        picture: &picture,
        signers: &[signer.certificate()],
        created_at: signed_at() - Duration::days(1),
        validity,
    };
    let seal = make_seal(pki.maker(), &plan, SealVersion::V4, &SealFaults::default()).unwrap();
    let mut trust = TrustStore::empty();
    for credential in [pki.root(), pki.issuing(), pki.maker()] {
        trust.add_certificate(credential.certificate()).unwrap();
    }
    Fixture {
        entry: source.into_entry("zhejiang", 1, None).unwrap(),
        signer,
        seal,
        trust,
    }
});

pub(super) fn signed_at() -> DateTime<Utc> {
    "2026-06-01T02:03:04Z".parse().unwrap()
}

/// One signature to be made.
pub(super) struct Plan<'a> {
    pub(super) references: &'a [&'a str],
    pub(super) method: Option<&'a str>,
    pub(super) is_listed: bool,
}

pub(super) const ALL: &[&str] = &["/OFD.xml", "/D/Document.xml", "/D/Page.xml"];
pub(super) const WHOLE: Plan<'_> = Plan {
    references: ALL,
    method: Some("SM3"),
    is_listed: true,
};

/// The parts of a package; edited by a test before or after signing.
#[derive(Clone)]
pub(super) struct Parts(pub(super) Vec<(String, Vec<u8>)>);

impl Parts {
    pub(super) fn new() -> Self {
        let metadata = Metadata::from_entry(&FIXTURE.entry);
        let fields: String = metadata
            .iter()
            .map(|(name, value)| format!("<CustomData Name='{name}'>{value}</CustomData>"))
            .collect();
        let root = format!(
            "<OFD xmlns='http://www.ofdspec.org/2016'><DocBody><DocInfo><CustomDatas>{fields}\
             </CustomDatas></DocInfo><DocRoot>D/Document.xml</DocRoot>\
             <Signatures>/D/Signs/Signatures.xml</Signatures></DocBody></OFD>"
        );
        let mut parts = Self(Vec::new());
        parts.set("OFD.xml", root);
        parts.set(
            "D/Document.xml",
            "<Document><Page BaseLoc='Page.xml'/></Document>",
        );
        parts.set("D/Page.xml", "<Page/>");
        parts
    }

    pub(super) fn set(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), content.into()));
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8(self.content(name).to_vec()).unwrap()
    }

    fn content(&self, name: &str) -> &[u8] {
        let found = self
            .0
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found
            .map(|(_, content)| content.as_slice())
            .unwrap_or_default()
    }

    pub(super) fn sign(&mut self, plans: &[Plan<'_>]) {
        let mut lines = String::new();
        for (index, plan) in plans.iter().enumerate() {
            let folder = format!("D/Signs/Sign_{index}");
            self.sign_one(&folder, plan);
            if plan.is_listed {
                lines += &format!("<Signature ID='{index}' BaseLoc='/{folder}/Signature.xml'/>");
            }
        }
        let list = format!("<Signatures xmlns='http://www.ofdspec.org/2016'>{lines}</Signatures>");
        self.set("D/Signs/Signatures.xml", list);
    }

    fn sign_one(&mut self, folder: &str, plan: &Plan<'_>) {
        let algorithm = plan
            .method
            .and_then(DigestAlgorithm::parse)
            .unwrap_or(DigestAlgorithm::Sm3);
        let mut references = String::new();
        for location in plan.references {
            let digest = algorithm.digest(self.content(location.trim_start_matches('/')));
            let value = STANDARD.encode(digest);
            references += &format!(
                "<Reference FileRef='{location}'><CheckValue>{value}</CheckValue></Reference>"
            );
        }
        let method = plan
            .method
            .map(|name| format!(" CheckMethod='{name}'"))
            .unwrap_or_default();
        let signature_xml = format!(
            "<Signature xmlns='http://www.ofdspec.org/2016'><SignedInfo>\
             <References{method}>{references}</References></SignedInfo>\
             <SignedValue>SignedValue.dat</SignedValue></Signature>"
        );
        let path = format!("{folder}/Signature.xml");
        let input = SigningInput {
            signature_xml: signature_xml.as_bytes(),
            signature_xml_path: &format!("/{path}"),
            at: signed_at(),
        };
        let faults = SealFaults::default();
        let value = sign_with_seal(
            &FIXTURE.seal,
            &FIXTURE.signer,
            &input,
            SealVersion::V4,
            &faults,
        )
        .unwrap();
        self.set(&format!("{folder}/SignedValue.dat"), value);
        self.set(&path, signature_xml);
    }

    pub(super) fn zip(&self) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.0 {
            writer
                .start_file(name.as_str(), zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }
}
