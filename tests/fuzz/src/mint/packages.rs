//! OFD packages, and their parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::digest::sm3;
use certs::mint::seal::SealFaults;
use certs::mint::signed_data::sign_data;
use schemas::ofd::xml::NAMESPACE;
use schemas::verdict::SealVersion;
use zip::CompressionMethod;

use super::{Done, Makers, put};
use crate::checks::ofd::pack;

const DOCUMENT: &str = "<CommonData><MaxUnitID>9</MaxUnitID><PageArea><PhysicalBox>0 0 210 297\
    </PhysicalBox></PageArea><PublicRes>Res.xml</PublicRes></CommonData><Pages><Page ID=\"1\" \
    BaseLoc=\"Page.xml\"/></Pages>";
const PAGE: &str = "<Content><Layer ID=\"2\"><TextObject ID=\"3\" Boundary=\"1 1 9 9\" Font=\"4\" \
    Size=\"4\"><TextCode X=\"0\" Y=\"4\">示例</TextCode></TextObject><ImageObject ID=\"5\" \
    ResourceID=\"6\" Boundary=\"0 0 9 9\"/></Layer></Content>";
const RESOURCES: &str = "<Fonts><Font ID=\"4\" FontName=\"SimSun\"/></Fonts><MultiMedias>\
    <MultiMedia ID=\"6\" Type=\"Image\"><MediaFile>p.png</MediaFile></MultiMedia></MultiMedias>";

/// How a package is signed.
struct Plan {
    name: &'static str,
    seal: Option<SealVersion>,
    covers_root: bool,
    method: CompressionMethod,
}

pub(super) fn all(makers: &Makers) -> Done {
    let (stored, deflated) = (CompressionMethod::Stored, CompressionMethod::Deflated);
    let plan = |name, seal, covers_root, method| Plan {
        name,
        seal,
        covers_root,
        method,
    };
    let plans = [
        plan("seal-v4", Some(SealVersion::V4), true, deflated),
        plan("seal-v1", Some(SealVersion::V1), true, stored),
        plan("sign", None, true, deflated),
        plan("bare-root", None, false, stored),
    ];
    for plan in plans {
        let parts = signed(makers, &plan)?;
        put(
            &format!("zip/{}.ofd", plan.name),
            &pack(&parts, plan.method),
        )?;
        if plan.seal == Some(SealVersion::V4) {
            for (name, content) in parts.iter().filter(|(name, _)| name.ends_with(".xml")) {
                put(&format!("xml/{}", name.replace('/', "-")), content)?;
            }
        }
    }
    let gb18030 = b"<?xml version=\"1.0\" encoding=\"GB18030\"?><Page>\xca\xbe<![CDATA[x]]></Page>";
    put("xml/gb18030.xml", gb18030)?;
    put(
        "xml/entities.xml",
        b"<a b='&#65;&amp;'>&lt;<!-- c --><?p i?>\r\n<d:e xmlns:d='u'/></a>",
    )?;
    put("zip/unsigned.ofd", &pack(&shown(), stored))
}

fn xml(name: &str, content: &str) -> Vec<u8> {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    format!("{head}<{name} xmlns=\"{NAMESPACE}\">{content}</{name}>").into_bytes()
}

fn shown() -> Vec<(String, Vec<u8>)> {
    let root = "<DocBody><DocInfo><DocID>1</DocID><CustomDatas><CustomData Name=\"ZZBH\">1\
                </CustomData></CustomDatas></DocInfo><DocRoot>D/Document.xml</DocRoot><Signatures>\
                /D/S/Signatures.xml</Signatures></DocBody>";
    [
        ("OFD.xml", xml("OFD", root)),
        ("D/Document.xml", xml("Document", DOCUMENT)),
        ("D/Page.xml", xml("Page", PAGE)),
        ("D/Res.xml", xml("Res", RESOURCES)),
        ("D/p.png", b"a picture".to_vec()),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into()
}

fn signed(makers: &Makers, plan: &Plan) -> Done<Vec<(String, Vec<u8>)>> {
    let mut parts = shown();
    let faults = SealFaults::default();
    let list = format!(
        "<MaxSignId>1</MaxSignId><Signature ID=\"1\" Type=\"{}\" BaseLoc=\"0/Signature.xml\"/>",
        if plan.seal.is_some() { "Seal" } else { "Sign" }
    );
    let mut references = String::new();
    for (name, content) in &parts {
        if name != "OFD.xml" || plan.covers_root {
            let value = STANDARD.encode(sm3(content));
            references += &format!(
                "<Reference FileRef=\"/{name}\"><CheckValue>{value}</CheckValue></Reference>"
            );
        }
    }
    let mut seal = String::new();
    if let Some(version) = plan.seal {
        parts.push(("D/S/0/Seal.esl".to_owned(), makers.seal(version, &faults)?));
        seal = "<Seal><BaseLoc>Seal.esl</BaseLoc></Seal>".to_owned();
    }
    let description = format!(
        "<SignedInfo><Provider ProviderName=\"p\"/><SignatureMethod>1.2.156.10197.1.501\
         </SignatureMethod><SignatureDateTime>2026-11-20 20:00:00</SignatureDateTime><References \
         CheckMethod=\"1.2.156.10197.1.401\">{references}</References><StampAnnot ID=\"7\" \
         PageRef=\"1\" Boundary=\"0 0 40 40\"/>{seal}</SignedInfo><SignedValue>SignedValue.dat\
         </SignedValue>"
    );
    let description = xml("Signature", &description);
    let value = match plan.seal {
        Some(version) => makers.sealed(&description, "/D/S/0/Signature.xml", version, &faults)?,
        None => sign_data(&makers.signer, &description, &faults)?,
    };
    parts.push(("D/S/Signatures.xml".to_owned(), xml("Signatures", &list)));
    parts.push(("D/S/0/Signature.xml".to_owned(), description));
    parts.push(("D/S/0/SignedValue.dat".to_owned(), value));
    Ok(parts)
}
