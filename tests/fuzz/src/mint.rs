//! The seeds: small genuine things of every kind. Their keys are never written down.

mod files;
mod packages;

use std::error::Error;
use std::fs;

use certs::envelope_security::{Unsigned, sign_envelopes_by};
use certs::mint::certificate::{Revocation, Usage, Validity};
use certs::mint::credential::Credential;
use certs::mint::pki::DevelopmentPki;
use certs::mint::seal::{
    SealFaults, SealPicture, SealPlan, SigningInput, make_seal, sign_with_seal,
};
use certs::mint::signed_data::{sign_data, sign_detached};
use certs::node_key::NodeKeys;
use chrono::Duration;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::verdict::SealVersion;

use crate::checks::envelope::{KEYS, NODE};
use crate::checks::seal::{MESSAGE, PATH};
use crate::checks::{at, cms, folder};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Who signs the seeds.
struct Makers {
    pki: DevelopmentPki,
    signer: Credential,
}

/// Mints all seeds and writes them to `seeds`, in the place of those that are there.
///
/// # Errors
/// When something cannot be minted or written.
pub fn all() -> Done {
    let pki = DevelopmentPki::mint("模糊测试", at() - Duration::days(400))?;
    let validity = Validity {
        from: at() - Duration::days(300),
        until: at() + Duration::days(300),
    };
    let (name, code) = ("测试局", "91330106673959654P");
    let signer = pki.issue_signer(name, code, validity, Usage::Signing)?;
    let revoked = pki.issue_signer(name, code, validity, Usage::Signing)?;
    let makers = Makers { pki, signer };
    trust(&makers, &revoked)?;
    seals(&makers)?;
    packages::all(&makers)?;
    files::all(&makers)?;
    signed_values(&makers)?;
    messages()?;
    entries()
}

fn put(name: &str, content: &[u8]) -> Done {
    let path = folder("seeds").join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(path, content)?)
}

fn trust(makers: &Makers, revoked: &Credential) -> Done {
    let pki = &makers.pki;
    let authorities = [
        ("root", pki.root()),
        ("issuing", pki.issuing()),
        ("maker", pki.maker()),
    ];
    for (name, authority) in authorities {
        put(&format!("trust/{name}.crt"), authority.certificate())?;
        put(&format!("certificate/{name}.der"), authority.certificate())?;
    }
    put("certificate/signer.der", makers.signer.certificate())?;
    put("certificate/revoked.der", revoked.certificate())?;
    let (since, until) = (at() - Duration::days(9), at() + Duration::days(300));
    let serials = [Revocation {
        serial: revoked.serial().to_vec(),
        since,
    }];
    let lists = [
        ("issuing", pki.crl(&serials, since, until)?),
        ("root", pki.root_crl(since, until)?),
    ];
    for (name, list) in lists {
        put(&format!("trust/{name}.crl"), &list)?;
        put(&format!("crl/{name}.der"), &list)?;
    }
    Ok(())
}

impl Makers {
    fn seal(&self, version: SealVersion, faults: &SealFaults) -> Done<Vec<u8>> {
        let picture = SealPicture {
            format: "PNG".to_owned(),
            data: b"a picture".to_vec(),
            width_mm: 40,
            height_mm: 40,
        };
        let plan = SealPlan {
            id: "TEST0001",
            name: "测试局电子印章",
            picture: &picture,
            signers: &[self.signer.certificate()],
            created_at: at() - Duration::days(200),
            validity: Validity {
                from: at() - Duration::days(200),
                until: at() + Duration::days(200),
            },
        };
        Ok(make_seal(self.pki.maker(), &plan, version, faults)?)
    }

    fn sealed(
        &self,
        message: &[u8],
        path: &str,
        version: SealVersion,
        faults: &SealFaults,
    ) -> Done<Vec<u8>> {
        let input = SigningInput {
            signature_xml: message,
            signature_xml_path: path,
            at: at() - Duration::days(1),
        };
        let seal = self.seal(version, faults)?;
        Ok(sign_with_seal(
            &seal,
            &self.signer,
            &input,
            version,
            faults,
        )?)
    }
}

fn seals(makers: &Makers) -> Done {
    let versions = [SealVersion::V1, SealVersion::V4, SealVersion::V5];
    let faults = [
        ("plain", SealFaults::default()),
        (
            "digests",
            SealFaults {
                list_digests: true,
                ..SealFaults::default()
            },
        ),
        (
            "raw",
            SealFaults {
                raw_signatures: true,
                ..SealFaults::default()
            },
        ),
        (
            "padded",
            SealFaults {
                unused_bits: 3,
                ..SealFaults::default()
            },
        ),
    ];
    for version in versions {
        for (name, faults) in &faults {
            let value = makers.sealed(MESSAGE, PATH, version, faults)?;
            put(&format!("seal/{version:?}-{name}.der"), &value)?;
        }
        let seal = makers.seal(version, &SealFaults::default())?;
        put(&format!("seal/{version:?}.esl"), &seal)?;
    }
    Ok(())
}

/// Signed values: over the message, and over what the template covers.
fn signed_values(makers: &Makers) -> Done {
    let faults = SealFaults::default();
    put(
        "cms/gbt35275.der",
        &sign_data(&makers.signer, MESSAGE, &faults)?,
    )?;
    let template = fs::read(folder(cms::TEMPLATE))?;
    let gap = cms::gap(&template);
    let parts = [&template[..gap.start], &template[gap.end..]];
    let signed_at = at() - Duration::days(1);
    put(
        "cms/cms.der",
        &sign_detached(&makers.signer, &parts, signed_at)?,
    )?;
    for version in [SealVersion::V1, SealVersion::V4] {
        let value = makers.sealed(&parts.concat(), "", version, &faults)?;
        put(&format!("cms/seal-{version:?}.der"), &value)?;
    }
    Ok(())
}

fn messages() -> Done {
    let keys = NodeKeys::generate()?;
    put(
        KEYS.trim_start_matches("seeds/"),
        &serde_json::to_vec(&keys.public())?,
    )?;
    let kinds = [
        (
            MessageType::DirectoryChange,
            topic::DIRECTORY_CHANGES.to_owned(),
            None,
        ),
        (
            MessageType::LookupRequest,
            topic::requests("national"),
            Some("national"),
        ),
        (
            MessageType::FileChunk,
            topic::files("beijing"),
            Some("beijing"),
        ),
    ];
    let bodies = samples()?;
    let (mut envelopes, mut topics) = (Vec::new(), Vec::new());
    for (number, _) in bodies.iter().enumerate() {
        let (message_type, topic, recipient) = kinds[number % kinds.len()].clone();
        topics.push(topic);
        envelopes.push(Envelope {
            id: format!("0190f1d2-7c1e-7000-8000-{number:012}"),
            origin: NODE.to_owned(),
            message_type,
            subject: (number % 2 == 0).then(|| "a-licence".to_owned()),
            time: at(),
            recipient: recipient.map(str::to_owned),
            correlation: recipient.map(|_| format!("c-{number}")),
            deadline: recipient.map(|_| at() + Duration::seconds(5)),
        });
    }
    let messages: Vec<_> = (0..bodies.len())
        .map(|number| Unsigned {
            envelope: &envelopes[number],
            topic: &topics[number],
            body: &bodies[number].1,
        })
        .collect();
    let id = keys.public().key_id().to_owned();
    // A few together, the others each by itself.
    let (together, alone) = messages.split_at(messages.len().min(4));
    let mut headers = sign_envelopes_by(together, &keys, &id)?;
    for message in alone {
        headers.extend(sign_envelopes_by(&[*message], &keys, &id)?);
    }
    for ((message, headers), (name, body)) in messages.iter().zip(&headers).zip(&bodies) {
        put(
            &format!("envelope/{name}"),
            &written(message.topic, headers, body),
        )?;
    }
    Ok(())
}

/// The golden samples of every message, which are what peers send.
fn samples() -> Done<Vec<(String, Vec<u8>)>> {
    let mut bodies = Vec::new();
    for entry in fs::read_dir(folder("../../schemas/samples"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path.file_stem().unwrap_or_default();
            bodies.push((name.to_string_lossy().into_owned(), fs::read(&path)?));
        }
    }
    bodies.sort();
    Ok(bodies)
}

/// An input that says this.
fn written(topic: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"));
    let head: String = lines.collect();
    [topic.as_bytes(), b"\n", head.as_bytes(), b"\n", body].concat()
}

fn entries() -> Done {
    // Of both lines the beginning.
    let fields = "\"identifier\":\"1.2.156.3005.2.11990000MB999999XE001\
                  .11330105002500287C.20240001.001.X\",\
                  \"licence_name\":\"示例施工许可证\",\"type_name\":\"示例施工许可证\",\
                  \"type_code\":\"11990000MB999999XE001\",\"issuer_name\":\"示例区建设局\",\
                  \"issuer_code\":\"11330105002500287C\",\"number\":\"NO-0001\"";
    let line = format!(
        "{{{fields},\"issued_on\":\"20240629\",\"valid_from\":\"2024-06-29\",\
         \"valid_until\":\"长期\",\"region\":\"330105\",\"status\":\"00\",\"holders\":[{{\
         \"name\":\"测试企业\",\"code\":\"11370800MB28559184\",\"code_type\":\"001\"}}],\
         \"extension\":{{\"KZ_QLR\":\"某\"}},\"file\":\"a/b.ofd\"}}"
    );
    let joined = format!(
        "{{{fields},\"issued_on\":1719619200000,\"region\":330105,\"holder_name\":\"甲^乙\",\
         \"holder_code\":\"11370800MB28559184^11370800MB28559184\",\"holder_type\":\"001^001\"}}"
    );
    put("entry/listed.json", line.as_bytes())?;
    put("entry/joined.json", joined.as_bytes())?;
    let source = schemas::entry::SourceEntry::parse_line(line.as_bytes())?;
    let entry = source.into_entry("zhejiang", 1, None)?;
    put("entry/entry.json", &serde_json::to_vec(&entry)?)?;
    put("entry/private.json", &serde_json::to_vec(&entry.private)?)
}
