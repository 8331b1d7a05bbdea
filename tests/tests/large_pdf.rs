//! A large PDF is verified from disk: its pictures and its signed bytes pass by in pieces, and the
//! memory that `hub verify` takes is that for a small one and a little more.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Stdio};

use certs::digest::DigestAlgorithm;
use certs::message::Message;
use certs::mint::certificate::{Usage, Validity};
use certs::mint::credential::Credential;
use certs::mint::pki::DevelopmentPki;
use certs::mint::seal::SealFaults;
use certs::mint::signed_data::{Dialect, sign_digest};
use certs::open_file::OpenFile;
use chrono::{DateTime, Duration, TimeZone, Utc};
use schemas::pdf::limits;
use schemas::pdf::source::{FileBytes, PagedFile};
use tests::program::{hub, is_long_run, run};

/// What a verification may take above what it takes for a small file.
const GROWTH_KIB: u64 = 64 << 10;

/// Bytes that are left for all but the pictures: signatures, cross-references.
const REST_BYTES: usize = 100_000;

/// Bytes of room for a signed value, two digits each.
const ROOM_BYTES: usize = 8_192;

#[test]
fn a_large_file_takes_no_more_memory_than_a_small_one_and_64_mib() {
    let most = if is_long_run() {
        limits::FILE_BYTES
    } else {
        64_000_000
    };
    let folder = tempfile::tempdir().unwrap();
    let signer = signer(folder.path());
    let (small, large) = (
        folder.path().join("small.pdf"),
        folder.path().join("large.pdf"),
    );
    mint(&small, &[1_000, 2_000], &signer);
    // One picture that is most of the file, and several that are not.
    let rest = most - REST_BYTES - most / 2;
    let mut pictures = vec![rest / 9; 9];
    pictures.push(most / 2);
    mint(&large, &pictures, &signer);
    let bytes = usize::try_from(fs::metadata(&large).unwrap().len()).unwrap();
    assert!(bytes <= most && bytes > most / 10 * 9, "{bytes} bytes");

    let (small, large) = (
        peak_kib(folder.path(), &small),
        peak_kib(folder.path(), &large),
    );
    println!("{bytes} bytes: {large} KiB at most, a small file {small} KiB");
    assert!(large <= small + GROWTH_KIB, "{large} KiB, {small} KiB");
}

#[test]
fn a_changed_byte_of_a_large_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pdf");
    mint(&path, &[20_000_000], &signer(folder.path()));
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"\x7f", 10_000_000).unwrap();
    let verdict = verdict(folder.path(), &path);
    assert_eq!((verdict["verdict"].as_str(), verdict["code"].as_str()), {
        (Some("invalid"), Some("HASH_FAILURE"))
    });
}

#[test]
fn what_is_larger_than_the_limit_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("larger.pdf");
    fs::write(&path, "%PDF-1.7").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(limits::FILE_BYTES as u64 + 1).unwrap();
    let finished = run(hub().arg("verify").arg(&path));
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(finished.stderr.contains("TOO_LARGE"), "{finished:?}");
}

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

/// A signer whose authorities are trusted in the folder `trust`.
fn signer(folder: &Path) -> Credential {
    let pki = DevelopmentPki::mint("测试", now()).unwrap();
    pki.save(folder, &[], now()).unwrap();
    let validity = Validity {
        from: now() - Duration::days(30),
        until: now() + Duration::days(30),
    };
    let (name, code) = ("测试局", "91330106673959654P");
    pki.issue_signer(name, code, validity, Usage::Signing)
        .unwrap()
}

/// A file that is written from its beginning to its end.
struct Writing {
    out: BufWriter<File>,
    at: usize,
    /// Object numbers and where they stand, of this revision.
    places: Vec<(u32, usize)>,
    /// Where the cross-references of the revision before stand.
    previous: Option<usize>,
}

impl Writing {
    fn put(&mut self, bytes: &[u8]) {
        self.out.write_all(bytes).unwrap();
        self.at += bytes.len();
    }

    fn object(&mut self, number: u32, text: &str) {
        self.places.push((number, self.at));
        self.put(format!("{number} 0 obj\n{text}\nendobj\n").as_bytes());
    }

    /// A picture of noise.
    fn picture(&mut self, number: u32, bytes: usize) {
        self.places.push((number, self.at));
        let head = "<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray\
                    /BitsPerComponent 8/Length";
        self.put(format!("{number} 0 obj\n{head} {bytes}>>stream\n").as_bytes());
        let noise: Vec<u8> = (0_u32..65_536)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(noise.len());
            self.put(&noise[..piece]);
            left -= piece;
        }
        self.put(b"\nendstream\nendobj\n");
    }

    /// A signature with room for its value; says where `/ByteRange` and `/Contents` are filled in.
    fn signature(&mut self, number: u32) -> (usize, Range<usize>) {
        self.places.push((number, self.at));
        let zeros = "0".repeat(10);
        self.put(format!("{number} 0 obj\n<</Type/Sig/Filter/Adobe.PPKLite").as_bytes());
        self.put(b"/SubFilter/adbe.pkcs7.detached/ByteRange[0 ");
        let range_at = self.at;
        self.put(format!("{zeros} {zeros} {zeros}]/Contents").as_bytes());
        let start = self.at;
        self.put(format!("<{}>", "0".repeat(ROOM_BYTES * 2)).as_bytes());
        let end = self.at;
        self.put(b">>\nendobj\n");
        (range_at, start..end)
    }

    fn finish_revision(&mut self) {
        let start = self.at;
        let mut rows = String::new();
        for (number, place) in self.places.drain(..) {
            rows += &format!("{number} 1\n{place:010} 00000 n \n");
        }
        let previous = self.previous.replace(start);
        let previous = previous.map_or(String::new(), |previous| format!("/Prev {previous}"));
        let trailer = format!("<</Size 100/Root 1 0 R{previous}>>");
        let end = format!("xref\n{rows}trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n");
        self.put(end.as_bytes());
        self.out.flush().unwrap();
    }
}

/// A file with these pictures on its page, signed twice; never in memory as a whole.
fn mint(path: &Path, pictures: &[usize], signer: &Credential) {
    let mut writing = Writing {
        out: BufWriter::new(File::create(path).unwrap()),
        at: 0,
        places: Vec::new(),
        previous: None,
    };
    writing.put(b"%PDF-1.7\n");
    writing.object(2, "<</Type/Pages/Kids[3 0 R]/Count 1>>");
    let mut names = String::new();
    for (number, bytes) in (20_u32..).zip(pictures) {
        writing.picture(number, *bytes);
        names += &format!("/P{number} {number} 0 R");
    }
    for (field, value, fields) in [(10, 11, "10 0 R"), (12, 13, "10 0 R 12 0 R")] {
        let form = format!("/AcroForm<</Fields[{fields}]/SigFlags 3>>");
        writing.object(1, &format!("<</Type/Catalog/Pages 2 0 R{form}>>"));
        let page = format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[{fields}]\
             /Resources<</XObject<<{names}>>>>>>"
        );
        writing.object(3, &page);
        let field_text = format!(
            "<</Type/Annot/Subtype/Widget/FT/Sig/T(s{field})/V {value} 0 R/F 132\
             /Rect[0 0 0 0]/P 3 0 R>>"
        );
        writing.object(field, &field_text);
        let places = writing.signature(value);
        writing.finish_revision();
        sign(path, places, writing.at, signer);
    }
}

/// Fills in what a signature covers, and its value.
fn sign(path: &Path, (range_at, gap): (usize, Range<usize>), end: usize, signer: &Credential) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let range = format!("{:010} {:010} {:010}", gap.start, gap.end, end - gap.end);
    file.write_all_at(range.as_bytes(), range_at as u64)
        .unwrap();
    let paged = PagedFile::new(Box::new(OpenFile::open(path).unwrap()), end);
    let message = Message::around(FileBytes::Paged(&paged), &gap, end);
    let digest = message.digest(DigestAlgorithm::Sm3).unwrap();
    let value = hex::encode(
        sign_digest(Dialect::Cms, signer, &digest, now(), &SealFaults::default()).unwrap(),
    );
    file.write_all_at(value.as_bytes(), gap.start as u64 + 1)
        .unwrap();
}

fn start(folder: &Path, path: &Path) -> Child {
    let out = File::create(folder.join("out.json")).unwrap();
    hub()
        .args(["verify", "--json", "--at", &now().to_rfc3339(), "--trust"])
        .arg(folder.join("trust"))
        .arg(path)
        .stdout(Stdio::from(out))
        .spawn()
        .unwrap()
}

fn verdict(folder: &Path, path: &Path) -> serde_json::Value {
    start(folder, path).wait().unwrap();
    serde_json::from_str(&fs::read_to_string(folder.join("out.json")).unwrap()).unwrap()
}

/// The most memory that the verification of a file took, which finds two signatures that hold.
fn peak_kib(folder: &Path, path: &Path) -> u64 {
    let mut child = start(folder, path);
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // The mark only rises, and is there for as long as the process is.
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let mark = mark.and_then(|mark| mark.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(mark.unwrap_or(0));
    }
    let text = fs::read_to_string(folder.join("out.json")).unwrap();
    let verdict: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(verdict["verdict"], "valid", "{text}");
    assert_eq!(verdict["signatures"].as_array().unwrap().len(), 2, "{text}");
    peak
}
