//! What other readers see in the same PDF files: lopdf and the `pdf` crate, both lenient and
//! neither with a notion of revisions. Where they differ from what is verified, a row says so with
//! its reason; a row that does not occur fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use certs::mint::certificate::{Usage, Validity};
use certs::mint::pdf::{PdfSignature, sign_pdf};
use certs::mint::pki::DevelopmentPki;
use certs::mint::signed_data::sign_detached;
use chrono::{DateTime, Duration, Utc};
use lopdf::LoadOptions;
use pdf::file::FileOptions;
use schemas::pdf::PdfError;
use schemas::pdf::document::Document;
use schemas::pdf::object::{Object, ObjectId};
use schemas::pdf::{fields, pages};

use crate::damage::minted;

/// More pages than any file here has.
const PAGES_MAX: usize = 1_000;

/// Deepest nesting of fields.
const DEPTH_MAX: usize = 16;

/// Why a broken signature is seen otherwise.
const BROKEN: &str = "/ByteRange or /Contents cannot be read: reported as a broken signature, of \
                      which lopdf shows what is left";

/// File, reader, what differs, and why that is right.
const DIFFERENCES: &[[&str; 4]] = &[
    ["br_09_null.pdf", "lopdf", "other signatures", BROKEN],
    ["rsa_br_09_null.pdf", "lopdf", "other signatures", BROKEN],
    [
        "rsa_usf_01_contents_empty.pdf",
        "lopdf",
        "other signatures",
        BROKEN,
    ],
    [
        "rsa_usf_03_contents_removed.pdf",
        "lopdf",
        "other signatures",
        BROKEN,
    ],
    [
        "usf_01_contents_empty.pdf",
        "lopdf",
        "other signatures",
        BROKEN,
    ],
    [
        "usf_03_contents_removed.pdf",
        "lopdf",
        "other signatures",
        BROKEN,
    ],
    [
        "malformed_01_truncated.pdf",
        "lopdf",
        "reads what is refused",
        "it repairs the file by looking for objects; what was signed is not known",
    ],
];

#[test]
fn other_readers_see_the_same_or_the_difference_has_a_reason() {
    let Some(corpus) = tests::program::corpus("lopdf and pdf as second opinions") else {
        return;
    };
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for path in pdf_files(corpus.join("pdf")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (reader, what) in differences(&fs::read(&path).unwrap()) {
            seen.insert((name.clone(), reader, what));
        }
        count += 1;
    }
    let listed = DIFFERENCES.iter();
    let listed: BTreeSet<_> = listed
        .map(|[name, reader, what, _]| ((*name).to_owned(), *reader, *what))
        .collect();
    let news: Vec<_> = seen.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&seen).collect();
    assert!(
        news.is_empty() && stale.is_empty(),
        "not listed: {news:#?}\nstale: {stale:#?}"
    );
    assert!(count >= 70, "only {count} files");
}

#[test]
fn other_readers_see_what_is_minted() {
    let at: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
    let pki = DevelopmentPki::mint("测试", at).unwrap();
    let validity = Validity {
        from: at - Duration::days(9),
        until: at + Duration::days(9),
    };
    let signer = pki
        .issue_signer("测试局", "91330106673959654P", validity, Usage::Signing)
        .unwrap();
    for minted in minted("pdf") {
        let (name, mut file) = (minted.name, minted.bytes);
        assert_eq!(differences(&file), Vec::new(), "{name}");
        for (number, field) in ["Second", "Third"].into_iter().enumerate() {
            let plan = PdfSignature {
                field,
                ..PdfSignature::default()
            };
            file = sign_pdf(&file, &plan, |signed| sign_detached(&signer, signed, at)).unwrap();
            assert_eq!(differences(&file), Vec::new(), "{name}, {field}");
            let document = Document::open(&file).unwrap();
            assert_eq!(
                ours(&document, document.last()).unwrap().signatures.len(),
                number + 2
            );
        }
    }
}

/// What a reader sees of a file as of one revision.
#[derive(Clone, Debug, PartialEq)]
struct View {
    root: ObjectId,
    pages_root: Option<ObjectId>,
    form: Option<ObjectId>,
    pages: usize,
    /// Full name, `/ByteRange` and `/Contents` of every signature.
    signatures: Vec<Signature>,
}

type Signature = (Vec<u8>, Vec<i64>, Vec<u8>);

/// Reader and what it sees otherwise.
type Difference = (&'static str, &'static str);

fn differences(bytes: &[u8]) -> Vec<Difference> {
    let Ok(document) = Document::open(bytes) else {
        let others = [
            ("lopdf", by_lopdf(bytes).is_some()),
            ("pdf", by_pdf(bytes).is_some()),
        ];
        let reads = others.into_iter().filter(|(_, reads)| *reads);
        return reads
            .map(|(reader, _)| (reader, "reads what is refused"))
            .collect();
    };
    let mut found = BTreeSet::new();
    for (number, revision) in document.revisions().iter().enumerate() {
        let Ok(ours) = ours(&document, number) else {
            found.insert(("lopdf", "reads what is refused"));
            continue;
        };
        let until_then = bytes.get(..revision.end).unwrap();
        match by_lopdf(until_then) {
            None => drop(found.insert(("lopdf", "refuses"))),
            Some(theirs) => found.extend(compare("lopdf", &ours, &theirs)),
        }
        match by_pdf(until_then) {
            None => drop(found.insert(("pdf", "refuses"))),
            Some((root, pages)) => {
                // Its catalog tells no more, and it cannot read signature dictionaries.
                let theirs = View {
                    root,
                    pages,
                    ..ours.clone()
                };
                found.extend(compare("pdf", &ours, &theirs));
            }
        }
    }
    found.into_iter().collect()
}

fn compare(reader: &'static str, ours: &View, theirs: &View) -> Vec<Difference> {
    let parts = [
        (ours.root == theirs.root, "another catalog"),
        (
            ours.pages_root == theirs.pages_root,
            "another tree of pages",
        ),
        (ours.form == theirs.form, "another form"),
        (ours.pages == theirs.pages, "another number of pages"),
        (ours.signatures == theirs.signatures, "other signatures"),
    ];
    let differing = parts.into_iter().filter(|(is_same, _)| !is_same);
    differing.map(|(_, what)| (reader, what)).collect()
}

fn ours(document: &Document<'_>, revision: usize) -> Result<View, PdfError> {
    let (root, catalog) = document.catalog(revision)?;
    let (pages, _) = pages::first_pages(document, revision, PAGES_MAX)?;
    let mut signatures = Vec::new();
    for field in fields::all(document, revision)? {
        if let Some(Ok(signature)) = field.signature(document, revision) {
            let range = signature
                .byte_range
                .map(|number| i64::try_from(number).unwrap());
            signatures.push((field.name.clone(), range.to_vec(), signature.contents));
        }
    }
    signatures.sort();
    Ok(View {
        root,
        pages_root: catalog.get("Pages").and_then(Object::reference),
        form: catalog.get("AcroForm").and_then(Object::reference),
        pages: pages.len(),
        signatures,
    })
}

fn by_lopdf(bytes: &[u8]) -> Option<View> {
    let options = LoadOptions {
        max_decompressed_size: Some(64 << 20),
        ..LoadOptions::default()
    };
    let document = lopdf::Document::load_mem_with_options(bytes, options).ok()?;
    let catalog = document.catalog().ok()?;
    let reference = |key: &[u8]| catalog.get(key).and_then(lopdf::Object::as_reference).ok();
    let mut signatures = Vec::new();
    let form = catalog.get_deref(b"AcroForm", &document);
    let form = form.and_then(lopdf::Object::as_dict);
    if let Ok(kids) = form.and_then(|form| form.get_deref(b"Fields", &document)) {
        walk(&document, kids, &Above::default(), &mut signatures);
    }
    signatures.sort();
    Some(View {
        root: id(document.trailer.get(b"Root").ok()?.as_reference().ok()?),
        pages_root: reference(b"Pages").map(id),
        form: reference(b"AcroForm").map(id),
        pages: document.get_pages().len(),
        signatures,
    })
}

/// What a field has from those above it.
#[derive(Clone, Default)]
struct Above {
    name: Vec<u8>,
    is_signature: bool,
    depth: usize,
}

fn walk(
    document: &lopdf::Document,
    kids: &lopdf::Object,
    above: &Above,
    found: &mut Vec<Signature>,
) {
    let kids = kids.as_array().map(Vec::as_slice).unwrap_or_default();
    for kid in kids {
        let field = document.dereference(kid).map(|(_, object)| object);
        let Ok(field) = field.and_then(lopdf::Object::as_dict) else {
            continue;
        };
        let mut here = above.clone();
        here.depth += 1;
        if let Ok(part) = field
            .get_deref(b"T", document)
            .and_then(lopdf::Object::as_str)
        {
            if !here.name.is_empty() {
                here.name.push(b'.');
            }
            here.name.extend(part);
        }
        if let Ok(kind) = field
            .get_deref(b"FT", document)
            .and_then(lopdf::Object::as_name)
        {
            here.is_signature = kind == b"Sig";
        }
        let value = field
            .get_deref(b"V", document)
            .and_then(lopdf::Object::as_dict);
        if let Some(value) = value.ok().filter(|_| here.is_signature) {
            let range = value.get_deref(b"ByteRange", document);
            let range = range
                .and_then(lopdf::Object::as_array)
                .into_iter()
                .flatten();
            let range: Vec<i64> = range.filter_map(|number| number.as_i64().ok()).collect();
            let contents = value.get_deref(b"Contents", document);
            let contents = contents.and_then(lopdf::Object::as_str).unwrap_or_default();
            found.push((here.name.clone(), range, contents.to_vec()));
        }
        if let Ok(kids) = field.get_deref(b"Kids", document)
            && here.depth < DEPTH_MAX
        {
            walk(document, kids, &here, found);
        }
    }
}

/// The catalog's number and the number of pages.
fn by_pdf(bytes: &[u8]) -> Option<(ObjectId, usize)> {
    // Some of its paths panic; no opinion is one too.
    std::panic::catch_unwind(|| {
        let file = FileOptions::uncached().load(bytes.to_vec()).ok()?;
        let root = file.trailer.root.get_ref().get_inner();
        let root = ObjectId {
            number: u32::try_from(root.id).ok()?,
            generation: u16::try_from(root.r#gen).ok()?,
        };
        Some((root, usize::try_from(file.num_pages()).ok()?))
    })
    .ok()?
}

fn id((number, generation): lopdf::ObjectId) -> ObjectId {
    ObjectId { number, generation }
}

fn pdf_files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "pdf"))
        .collect()
}
