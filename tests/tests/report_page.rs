//! The page of `hub verify --html` for ten telling cases: well formed, needing nothing else, all it
//! has to say in both languages, and nothing of a file taken for markup.
//!
//! `HUB_REPORTS` names a folder in which the pages are left, to be looked at in a browser.

use std::fs;
use std::path::Path;

use certs::mint::certificate::Validity;
use certs::mint::pki::DevelopmentPki;
use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use chrono::Duration;
use hub::cli::report::page::{FileReport, Page, Verified};
use hub::cli::report::says;
use hub::mint::{Format, Layout, SealKit, mint_licence, sample_entries};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use schemas::catalogue;
use schemas::region::ProvinceCode;
use schemas::verdict::{Outcome, SealVersion, Verdict};
use tests::program::{hub, run};

use crate::corpus_ofd::options;

/// Name of the case, file of the corpus, and what the page has to say about it.
const CASES: [(&str, &str, Outcome, &str); 10] = [
    (
        "valid-ofd",
        "ofd/ok_v4_seal.ofd",
        Outcome::Valid,
        "测试市市场监督管理局",
    ),
    (
        "valid-pdf",
        "pdf/seal_01_gbt38540_v4_in_contents.pdf",
        Outcome::Valid,
        "TEST Licence Issuer SM2",
    ),
    (
        "content-changed",
        "ofd/bad_content_changed.ofd",
        Outcome::Invalid,
        "REF_DIGEST",
    ),
    (
        "untrusted",
        "ofd/bad_untrusted_chain.ofd",
        Outcome::Indeterminate,
        "UNTRUSTED",
    ),
    (
        "revoked",
        "ofd/bad_signer_revoked.ofd",
        Outcome::Invalid,
        "SIGNER_REVOKED",
    ),
    (
        "seal-expired",
        "ofd/bad_seal_expired.ofd",
        Outcome::Invalid,
        "SEAL_PERIOD",
    ),
    (
        "unsigned",
        "pdf/none_01_unsigned.pdf",
        Outcome::Invalid,
        "NO-SIGNATURE",
    ),
    (
        "encrypted",
        "ofd/enc_password.ofd",
        Outcome::Indeterminate,
        "ENCRYPTED",
    ),
    // What was signed says another amount than what is shown now.
    (
        "changed-after-signing",
        "pdf/isa_01_page_content_replaced.pdf",
        Outcome::Invalid,
        "CNY 1,000,000",
    ),
    (
        "bomb",
        "ofd/zip_bomb_300m.ofd",
        Outcome::Invalid,
        "ZIP_BOMB",
    ),
];

/// The verdict in big words.
const HEADLINES: [(Outcome, &str, &str); 3] = [
    (Outcome::Valid, "有效", "Valid"),
    (Outcome::Invalid, "无效", "Not valid"),
    (Outcome::Indeterminate, "不能确定", "Cannot be determined"),
];

#[test]
fn ten_telling_cases_are_told_in_both_languages() {
    let Some(corpus) = tests::program::corpus("the page for people") else {
        return;
    };
    for (name, file, outcome, telling) in CASES {
        let kind = corpus.join(file.split('/').next().unwrap());
        let trust = TrustStore::from_folder(&kind.join("trust")).unwrap();
        let bytes = fs::read(corpus.join(file)).unwrap();
        let verified = verified(&bytes, &trust, &options());
        let verdict = verified.verdict.clone();
        assert_eq!(verdict.verdict, outcome, "{name}");
        let html = page(file, verified, &trust, &options());
        if let Some(folder) = std::env::var_os("HUB_REPORTS") {
            fs::write(Path::new(&folder).join(format!("{name}.html")), &html).unwrap();
        }
        let shown = Shown::of(&html);
        assert!(html.contains(telling), "{name}: {telling} is not told");
        check_parts(name, &verdict, &shown);
    }
}

/// Everything that the page has to say.
fn check_parts(name: &str, verdict: &Verdict, shown: &Shown) {
    let (_, zh, en) = HEADLINES
        .iter()
        .find(|(outcome, ..)| *outcome == verdict.verdict)
        .unwrap();
    let mut parts = vec![(*zh).to_owned(), (*en).to_owned(), verdict.sm3.clone()];
    parts.push(verdict.indication.clone());
    parts.extend(verdict.subindication.clone());
    parts.push(format!("{}（", verdict.gb36906));
    let of_signatures = verdict.signatures.iter();
    let of_signatures = of_signatures.flat_map(|signature| signature.checks.iter());
    for check in verdict.checks.iter().chain(of_signatures) {
        let text = catalogue::text(&check.code.as_str()).unwrap();
        parts.push(check.code.as_str());
        parts.extend(
            [
                text.check_zh.clone(),
                text.why_zh.clone(),
                text.why_en.clone(),
            ]
            .map(|part| part.unwrap()),
        );
    }
    if let Some(code) = verdict.code {
        let text = catalogue::text(&code.as_str()).unwrap();
        parts.extend([text.next_zh.clone(), text.next_en.clone()]);
    }
    for signature in &verdict.signatures {
        for certificate in &signature.certificates {
            parts.extend([certificate.serial.clone(), certificate.sm3.clone()]);
        }
    }
    for part in parts {
        assert!(shown.text.contains(&part), "{name}: {part} is missing");
    }
    assert!(shown.zh.len() > 20, "{name}: {}", shown.zh.len());
    assert_eq!(
        shown.zh.len(),
        shown.en.len(),
        "{name}: a text is in one language only"
    );
    for (zh, en) in shown.zh.iter().zip(&shown.en) {
        assert_eq!(
            zh.trim().is_empty(),
            en.trim().is_empty(),
            "{name}: {zh} / {en}"
        );
    }
    let is_chinese = |text: &String| text.chars().any(|c| u32::from(c) > 0x2E80);
    let in_chinese = shown.zh.iter().filter(|text| is_chinese(text)).count();
    assert!(
        in_chinese * 10 >= shown.zh.len() * 9,
        "{name}: {:?}",
        shown.zh
    );
}

#[test]
fn what_a_file_says_is_never_markup() {
    let hostile = "<script>alert(1)</script><img src=//x onerror=\"y\">'&\u{202E}";
    let at = options().at;
    let pki = DevelopmentPki::mint(hostile, at - Duration::days(30)).unwrap();
    let validity = Validity {
        from: at - Duration::days(20),
        until: at + Duration::days(20),
    };
    let province = ProvinceCode::parse("33").unwrap();
    let source = sample_entries(1, province, 7).unwrap().pop().unwrap();
    let kit = SealKit::new(&pki, hostile, &source.issuer_code, validity).unwrap();
    let entry = source.into_entry("zhejiang", 1, None).unwrap();
    let sealed = at - Duration::days(1);
    let file = mint_licence(
        &entry,
        Layout::Portrait,
        &kit,
        Format::OfdSeal(SealVersion::V4),
        sealed,
    )
    .unwrap();
    let mut trust = TrustStore::empty();
    for credential in [pki.root(), pki.issuing(), pki.maker()] {
        trust.add_certificate(credential.certificate()).unwrap();
    }
    let verified = verified(&file, &trust, &options());
    let verdict = &verified.verdict;
    assert!(
        verdict.is_valid(),
        "{}",
        serde_json::to_string_pretty(verdict).unwrap()
    );
    let signer = verdict.signatures[0].signer.clone().unwrap();
    assert!(signer.contains("script"), "{signer}");
    let name = "folder/<b onclick=\"x\">&licence.ofd";
    let html = page(name, verified, &trust, &options());
    let shown = Shown::of(&html);
    assert!(shown.text.contains("<script>alert(1)</script>"), "as text");
    assert!(
        shown.text.contains("[U+202E]"),
        "marks of direction are written out"
    );
    assert!(!html.contains('\u{202E}'));
}

#[test]
fn the_command_writes_the_page_and_what_was_signed() {
    let Some(corpus) = tests::program::corpus("verify --html and --signed") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (page, signed) = (
        folder.path().join("page.html"),
        folder.path().join("signed"),
    );
    let file = corpus.join("pdf/isa_01_page_content_replaced.pdf");
    let verify = |more: &[&str]| {
        let mut command = hub();
        command
            .args(["verify", "--at", "2026-11-21T12:00:00Z"])
            .args(more);
        command
            .arg("--trust")
            .arg(corpus.join("pdf/trust"))
            .arg(&file);
        run(&mut command)
    };
    let to_page = format!("--html={}", page.display());
    let to_folder = format!("--signed={}", signed.display());
    let first = verify(&[&to_page, &to_folder]);
    assert_eq!(first.code, Some(1), "{first:?}");
    let html = fs::read_to_string(&page).unwrap();
    let shown = Shown::of(&html);
    // The card of the signature says of it what the words above say.
    assert!(shown.text.contains("the signature itself is sound"));
    assert!(shown.text.contains("proven, but for an earlier revision"));
    assert!(!shown.text.contains("it is not proven"));
    // What was signed, by itself, is what it was before the attack.
    let revision = fs::read(signed.join("isa_01_page_content_replaced.signed-1.pdf")).unwrap();
    assert!(fs::read(&file).unwrap().starts_with(&revision));
    let trust = TrustStore::from_folder(&corpus.join("pdf/trust")).unwrap();
    let whole = verify_file(&fs::read(&file).unwrap(), &trust, &options());
    let length = whole.signatures[0].signed_bytes.unwrap();
    assert_eq!(u64::try_from(revision.len()).unwrap(), length);
    assert!(verify_file(&revision, &trust, &options()).is_valid());
    assert!(first.stderr.contains("有效 valid"), "{}", first.stderr);
    // Nothing is written over, and the page goes to standard output by itself.
    let to_nowhere = format!("--html={}/page.html", page.display());
    for (again, why) in [
        (&to_page, ["page.html", "已经存在", "is there already"]),
        (&to_folder, ["signed-1.pdf", "已经存在", "is there already"]),
        (
            &to_nowhere,
            ["page.html", "没有文件夹", "there is no folder"],
        ),
    ] {
        let again = verify(&[again]);
        assert_eq!((again.code, again.stdout.as_str()), (Some(3), ""));
        for said in why {
            assert!(again.stderr.contains(said), "{}", again.stderr);
        }
    }
    assert_eq!(fs::read_to_string(&page).unwrap(), html);
    let printed = verify(&["--html"]);
    assert_eq!((printed.code, printed.stdout), (Some(1), html));
    assert_eq!(verify(&["--html", "--json"]).code, Some(2));
}

fn verified(bytes: &[u8], trust: &TrustStore, options: &VerifyOptions<'_>) -> Verified {
    let verdict = verify_file(bytes, trust, options);
    Verified {
        bytes: bytes.len() as u64,
        says: says::of_file(&verdict, |length| Some(bytes.get(..length)?.to_vec())),
        verdict,
    }
}

fn page(name: &str, verified: Verified, trust: &TrustStore, options: &VerifyOptions<'_>) -> String {
    let report = FileReport {
        name: name.to_owned(),
        result: Ok(verified),
    };
    let (at, files) = (options.at, [report]);
    Page {
        at,
        trust,
        files: &files,
    }
    .to_html()
}

/// What a page shows, read as XML; refuses what would load, run or lead out.
#[derive(Default)]
struct Shown {
    text: String,
    zh: Vec<String>,
    en: Vec<String>,
}

impl Shown {
    #[track_caller]
    fn of(html: &str) -> Self {
        let html = html.strip_prefix("<!DOCTYPE html>\n").expect("a doctype");
        let mut reader = Reader::from_str(html);
        let mut shown = Self::default();
        // Of each open element: whether it is the text of a language.
        let mut open: Vec<Option<&str>> = Vec::new();
        loop {
            match reader.read_event().expect("well formed") {
                Event::Start(start) => {
                    check_element(&start);
                    let language = language(&start);
                    match language {
                        Some("zh") => shown.zh.push(String::new()),
                        Some("en") => shown.en.push(String::new()),
                        _ => {}
                    }
                    open.push(language);
                }
                Event::Empty(empty) => check_element(&empty),
                Event::End(_) => drop(open.pop().expect("an open element")),
                Event::Text(text) => shown.add(&text.xml10_content(), &open),
                Event::GeneralRef(name) => {
                    let text = match &*name.xml10_content() {
                        "lt" => "<",
                        "gt" => ">",
                        "amp" => "&",
                        "quot" => "\"",
                        "#39" => "'",
                        other => panic!("&{other};"),
                    };
                    shown.add(text, &open);
                }
                Event::Eof => break,
                other => panic!("{other:?} in a page"),
            }
        }
        assert!(open.is_empty(), "unclosed elements");
        shown
    }

    fn add(&mut self, text: &str, open: &[Option<&str>]) {
        self.text.push_str(text);
        match open.iter().rev().flatten().next() {
            Some(&"zh") => self.zh.last_mut().unwrap().push_str(text),
            Some(&"en") => self.en.last_mut().unwrap().push_str(text),
            _ => {}
        }
    }
}

fn language(element: &BytesStart<'_>) -> Option<&'static str> {
    let class = element.try_get_attribute("class").unwrap()?;
    match &*class.value {
        "zh" => Some("zh"),
        "en" => Some("en"),
        _ => None,
    }
}

#[track_caller]
fn check_element(element: &BytesStart<'_>) {
    let name = element.name().0.to_owned();
    let forbidden = [
        "script", "img", "link", "iframe", "object", "embed", "form", "base",
    ];
    assert!(!forbidden.contains(&name.as_str()), "<{name}>");
    for attribute in element.attributes() {
        let attribute = attribute.unwrap();
        let key = attribute.key.0;
        assert!(
            !key.starts_with("on") && key != "src" && key != "style",
            "{name} {key}"
        );
        assert!(
            key != "href" || attribute.value.starts_with('#'),
            "{name} {key}"
        );
    }
}
