//! What a technician, an auditor or a court wants to know: digests, certificates, times, codes.

use certs::trust::{Role, TrustStore};
use chrono::{DateTime, Utc};
use schemas::verdict::{CertificateReport, CertificateRole, SignatureReport};

use super::markup::Markup;
use super::page::{
    FileReport, Page, Verified, Words, beijing, head_row, kind_words, profile_words,
};

pub(super) fn write(section: &mut Markup, page: &Page<'_>, file: &FileReport, verified: &Verified) {
    section.classed("div", "appendix", |appendix| {
        appendix.both_in("h2", "技术附录", "Technical appendix");
        appendix.element("dl", |list| {
            of_file(list, file, verified);
            of_trust(list, page.trust, page.at);
        });
        for signature in &verified.verdict.signatures {
            of_signature(appendix, signature);
        }
    });
}

fn of_file(list: &mut Markup, file: &FileReport, verified: &Verified) {
    let verdict = &verified.verdict;
    fact(list, ("文件", "File"), |dd| dd.given(&file.name));
    fact(list, ("大小", "Size"), |dd| {
        let bytes = verified.bytes;
        dd.both(&format!("{bytes} 字节"), &format!("{bytes} bytes"));
    });
    fact(list, ("种类", "Kind"), |dd| {
        let words = kind_words(verdict.kind);
        dd.both(words.0, words.1);
    });
    fact(list, ("文件指纹 SM3", "Fingerprint, SM3"), |dd| {
        dd.element("code", |code| code.text(&verdict.sm3));
    });
    fact(list, ("结论", "Verdict"), |dd| {
        let code = verdict.code.map(|code| code.as_str());
        let code = code.map(|code| format!(" · {code}")).unwrap_or_default();
        let word = verdict.verdict.as_str();
        dd.element("code", |inner| inner.text(&format!("{word}{code}")));
    });
    fact(list, ("EN 319 102-1", "EN 319 102-1"), |dd| {
        en_words(dd, &verdict.indication, verdict.subindication.as_deref());
    });
    fact(list, ("GB/T 36906 结果码", "GB/T 36906 result"), |dd| {
        let (zh, en) = match verdict.gb36906 {
            0 => ("验证通过", "passed"),
            1 => ("印章验证未通过", "seal check failed"),
            _ => ("文件验证未通过", "file check failed"),
        };
        let code = verdict.gb36906;
        dd.both(&format!("{code}（{zh}）"), &format!("{code} ({en})"));
    });
    fact(list, ("规则", "Rules"), |dd| {
        let words = profile_words(verdict.profile);
        dd.both(words.0, words.1);
    });
    fact(list, ("程序", "Program"), |dd| {
        dd.element("code", |code| {
            code.text(concat!("License Hub ", env!("CARGO_PKG_VERSION")));
        });
    });
}

/// What was trusted, and how old the newest word on revocation is.
fn of_trust(list: &mut Markup, trust: &TrustStore, at: DateTime<Utc>) {
    fact(list, ("信任材料", "Trust material"), |dd| {
        let count = |wanted| {
            trust
                .certificates()
                .filter(|(_, role)| *role == wanted)
                .count()
        };
        let (anchors, between) = (count(Role::Anchor), count(Role::Intermediate));
        let (makers, lists) = (count(Role::SealMaker), trust.crls().count());
        dd.both(
            &format!("根证书 {anchors}，中间证书 {between}，制章单位 {makers}，吊销名单 {lists}；"),
            &format!(
                "anchors {anchors}, intermediates {between}, seal makers {makers}, revocation \
                 lists {lists};"
            ),
        );
        dd.text(" SM3 ");
        dd.element("code", |code| code.text(&trust.fingerprint()));
    });
    fact(
        list,
        ("吊销名单的新旧", "Age of revocation lists"),
        |dd| {
            let Some(oldest) = trust.crls().map(certs::crl::Crl::this_update).min() else {
                dd.both(
                    "没有吊销名单：不知道证书是否已被吊销",
                    "There are none: whether certificates were revoked is not known",
                );
                return;
            };
            let days = (at - oldest).num_days();
            let day = beijing(oldest);
            dd.both(
                &format!("最旧的一份发布于 {day}，距今 {days} 天"),
                &format!("The oldest is of {day}, {days} days before"),
            );
            let due = trust.crls().filter(|list| list.is_stale_at(at)).count();
            if due > 0 {
                dd.text(" ");
                dd.classed("strong", "mark-unknown", |strong| {
                    strong.both(
                        &format!("其中 {due} 份已过期，应当更新"),
                        &format!("Out of date: {due}"),
                    );
                });
            }
        },
    );
}

fn of_signature(appendix: &mut Markup, signature: &SignatureReport) {
    appendix.element("h3", |h3| {
        h3.both("签章 ", "Signature ");
        h3.given(&signature.id);
    });
    appendix.element("dl", |list| {
        fact(list, ("EN 319 102-1", "EN 319 102-1"), |dd| {
            en_words(
                dd,
                &signature.indication,
                signature.subindication.as_deref(),
            );
        });
        fact(
            list,
            ("签名人（证书主题）", "Signer's subject"),
            |dd| {
                dd.given(signature.signer.as_deref().unwrap_or("-"));
            },
        );
        fact(list, ("时间（UTC）", "Time, UTC"), |dd| {
            let time = signature.signed_at.map(|time| time.to_rfc3339());
            dd.element("code", |code| code.text(time.as_deref().unwrap_or("-")));
        });
        fact(list, ("覆盖范围", "Coverage"), |dd| {
            dd.element("code", |code| code.text(&signature.coverage));
            if let Some(bytes) = signature.signed_bytes {
                let (zh, en) = (format!("前 {bytes} 字节"), format!("first {bytes} bytes"));
                dd.text(" · ");
                dd.both(&zh, &en);
            }
        });
    });
    if !signature.certificates.is_empty() {
        certificates(appendix, &signature.certificates);
    }
}

fn certificates(appendix: &mut Markup, certificates: &[CertificateReport]) {
    appendix.element("table", |table| {
        table.both_in("caption", "证书", "Certificates");
        let columns = [
            ("用途", "Used for"),
            ("主题、序列号、SM3 指纹", "Subject, serial, SM3"),
            ("有效期（北京时间）", "Period, Beijing time"),
        ];
        head_row(table, &columns);
        table.element("tbody", |body| {
            for certificate in certificates {
                body.element("tr", |row| {
                    let words = role_words(certificate.role);
                    row.element("td", |cell| cell.both(words.0, words.1));
                    row.element("td", |cell| {
                        cell.element("div", |div| div.given(&certificate.subject));
                        cell.classed("div", "detail", |div| {
                            div.text("№ ");
                            div.given(&certificate.serial);
                        });
                        cell.classed("div", "detail", |div| div.text(&certificate.sm3));
                    });
                    row.element("td", |cell| {
                        let (from, to) = (certificate.not_before, certificate.not_after);
                        cell.text(&format!("{} – {}", beijing(from), beijing(to)));
                    });
                });
            }
        });
    });
}

fn en_words(dd: &mut Markup, indication: &str, subindication: Option<&str>) {
    dd.element("code", |code| {
        code.text(indication);
        if let Some(word) = subindication {
            code.text(" / ");
            code.text(word);
        }
    });
}

fn role_words(role: CertificateRole) -> Words {
    match role {
        CertificateRole::Signer => ("盖章（签名）人", "signer"),
        CertificateRole::Issuer => ("上级发证机构", "issuer above"),
        CertificateRole::SealMaker => ("制章单位", "seal maker"),
    }
}

fn fact(list: &mut Markup, name: Words, content: impl FnOnce(&mut Markup)) {
    list.both_in("dt", name.0, name.1);
    list.element("dd", content);
}
