//! PDF files: signed once, twice, with a seal, certified, filled in; with tables and with streams
//! of cross-references.

use certs::mint::MintError;
use certs::mint::pdf::{PdfSignature, sign_pdf};
use certs::mint::seal::SealFaults;
use certs::mint::signed_data::sign_detached;
use chrono::Duration;
use schemas::pdf::document::Document;
use schemas::pdf::object::ObjectId;
use schemas::pdf::write::Update;
use schemas::verdict::SealVersion;

use super::{Done, Makers, put};
use crate::checks::{at, cms};

/// 1 is the catalog, 2 the page tree, 3 the page, 4 its content, 5 the form, 6 the font, 7 a text
/// field.
const OBJECTS: [&str; 7] = [
    "<</Type/Catalog/Pages 2 0 R/AcroForm 5 0 R>>",
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 6 0 R>>>>\
     /Annots[7 0 R]>>",
    "<</Length 33>>stream\nBT /F1 9 Tf (CNY 1,000,000) Tj ET \nendstream",
    "<</Fields[7 0 R]/DA(/F1 0 Tf 0 g)>>",
    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    FIELD,
];
const FIELD: &str = "<</Type/Annot/Subtype/Widget/FT/Tx/T(note)/V()/Rect[60 300 300 320]/P 3 0 R>>";
/// Room for a signed value: one certificate and a signature.
const ROOM_BYTES: usize = 1_400;

pub(super) fn all(makers: &Makers) -> Done {
    let base = with_table();
    let sign = |file: &[u8], plan: &PdfSignature<'_>| -> Result<Vec<u8>, MintError> {
        let signed_at = at() - Duration::days(1);
        sign_pdf(file, plan, |parts| {
            sign_detached(&makers.signer, parts, signed_at)
        })
    };
    let plan = |field: &'static str| PdfSignature {
        field,
        room_bytes: ROOM_BYTES,
        ..PdfSignature::default()
    };
    let once = sign(&base, &plan("a"))?;
    put("pdf/unsigned.pdf", &base)?;
    put("pdf/once.pdf", &once)?;
    put("pdf/twice.pdf", &sign(&once, &plan("b"))?)?;
    put("pdf/streams.pdf", &sign(&with_streams(), &plan("a"))?)?;
    let certified = PdfSignature {
        entries: "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type\
                  /TransformParams/P 2/V/1.2>>>>]",
        certifies: true,
        ..plan("c")
    };
    let filled = FIELD.replace("/V()", "/V(yes)");
    put(
        "pdf/filled.pdf",
        &update(&sign(&base, &certified)?, &[(7, &filled)])?,
    )?;
    let locked = PdfSignature {
        entries: "/Reference[<</Type/SigRef/TransformMethod/FieldMDP/TransformParams<</Type\
                  /TransformParams/Action/Include/Fields[(note)]/V/1.2>>>>]",
        ..plan("c")
    };
    put(
        "pdf/locked.pdf",
        &update(&sign(&base, &locked)?, &[(7, &filled)])?,
    )?;
    updated(&once)?;
    let sealed = sign_pdf(
        &base,
        &PdfSignature {
            room_bytes: 3_000,
            ..plan("a")
        },
        |parts| {
            let faults = SealFaults::default();
            let value = makers.sealed(&parts.concat(), "", SealVersion::V4, &faults);
            value.map_err(|error| MintError::Pdf(error.to_string()))
        },
    )?;
    put("pdf/sealed.pdf", &sealed)?;
    // The room is larger than any signed value of interest.
    let template = PdfSignature {
        room_bytes: 6_000,
        ..plan("a")
    };
    put(
        cms::TEMPLATE.trim_start_matches("seeds/"),
        &sign(&base, &template)?,
    )
}

/// A signed file that was changed, and one that validation data were added to.
fn updated(once: &[u8]) -> Done {
    put(
        "pdf/changed.pdf",
        &update(once, &[(6, "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>")])?,
    )?;
    let store = "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[7 0 R 9 0 R]/SigFlags 3>>/DSS<<\
                 /Certs[20 0 R]>>>>";
    put(
        "pdf/store.pdf",
        &update(
            once,
            &[(1, store), (20, "<</Length 1>>stream\nx\nendstream")],
        )?,
    )?;
    Ok(())
}

fn with_table() -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut rows = "0 1\n0000000000 65535 f \n".to_owned();
    for (number, text) in (1..).zip(OBJECTS) {
        rows += &format!("{number} 1\n{:010} 00000 n \n", out.len());
        out.extend(format!("{number} 0 obj\n{text}\nendobj\n").bytes());
    }
    let start = out.len();
    let end = format!("xref\n{rows}trailer\n<</Size 8/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    out.extend(end.bytes());
    out
}

/// The same, with an object stream and a stream of cross-references, neither compressed.
fn with_streams() -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let content = out.len();
    out.extend(format!("4 0 obj\n{}\nendobj\n", OBJECTS[3]).bytes());
    let (mut head, mut body) = (String::new(), String::new());
    for (number, text) in (1..).zip(OBJECTS).filter(|(number, _)| *number != 4) {
        head += &format!("{number} {} ", body.len());
        body += &format!("{text} ");
    }
    let container = out.len();
    let (first, length) = (head.len(), head.len() + body.len());
    let text = format!("<</Type/ObjStm/N 6/First {first}/Length {length}>>stream\n{head}{body}");
    out.extend(format!("8 0 obj\n{text}\nendstream\nendobj\n").bytes());
    let start = out.len();
    let mut rows = vec![[0, 0, 0, 0]];
    let mut index = 0;
    for number in 1..=9 {
        let in_file = |offset: usize| {
            let [.., high, low] = offset.to_be_bytes();
            [1, high, low, 0]
        };
        rows.push(match number {
            4 => in_file(content),
            8 => in_file(container),
            9 => in_file(start),
            _ => {
                index += 1;
                [2, 0, 8, index - 1]
            }
        });
    }
    let dictionary = "<</Type/XRef/W[1 2 1]/Size 10/Root 1 0 R/Length 40>>";
    out.extend(format!("9 0 obj\n{dictionary}stream\n").bytes());
    out.extend(rows.concat());
    out.extend(format!("\nendstream\nendobj\nstartxref\n{start}\n%%EOF\n").bytes());
    out
}

/// The file with an update in which these objects are others, or new.
fn update(file: &[u8], objects: &[(u32, &str)]) -> Done<Vec<u8>> {
    let document = Document::open(file)?;
    let mut update = Update::new(&document);
    for (number, text) in objects {
        let (number, generation) = (*number, 0);
        update.put(ObjectId { number, generation }, *text);
    }
    Ok(update.finish()?.0)
}
