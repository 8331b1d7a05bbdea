//! Tests of the container over packages written byte by byte.

use super::*;

/// One entry to be written; the fields behind `content` overrule what is honest.
#[derive(Clone)]
struct Planned {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    content: Vec<u8>,
    declared_size: Option<u32>,
    method: u16,
    flags: u16,
    mode: u32,
    is_listed: bool,
}

fn planned(name: &str, content: &[u8]) -> Planned {
    Planned {
        name: name.as_bytes().to_vec(),
        local_name: None,
        content: content.to_vec(),
        declared_size: None,
        method: 0,
        flags: 0x0800,
        mode: 0o100_644,
        is_listed: true,
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    };
    !bytes.iter().fold(!0, step)
}

fn common(entry: &Planned, size: u32) -> Vec<u8> {
    let mut fields = Vec::new();
    for field in [20, entry.flags, entry.method, 0, 0x21] {
        fields.extend_from_slice(&u16::to_le_bytes(field));
    }
    fields.extend_from_slice(&crc32(&entry.content).to_le_bytes());
    fields.extend_from_slice(&u32::try_from(entry.content.len()).unwrap().to_le_bytes());
    fields.extend_from_slice(&size.to_le_bytes());
    fields
}

fn zip(entries: &[Planned]) -> Vec<u8> {
    let (mut bytes, mut central, mut listed) = (Vec::new(), Vec::new(), 0_u16);
    for entry in entries {
        let offset = u32::try_from(bytes.len()).unwrap();
        let honest = u32::try_from(entry.content.len()).unwrap();
        let fields = common(entry, entry.declared_size.unwrap_or(honest));
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&fields);
        bytes.extend_from_slice(&u16::try_from(local_name.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(local_name);
        bytes.extend_from_slice(&entry.content);
        if entry.is_listed {
            listed += 1;
            central.extend_from_slice(b"PK\x01\x02\x14\x03");
            central.extend_from_slice(&fields);
            central.extend_from_slice(&u16::try_from(entry.name.len()).unwrap().to_le_bytes());
            central.extend_from_slice(&[0; 8]);
            central.extend_from_slice(&(entry.mode << 16).to_le_bytes());
            central.extend_from_slice(&offset.to_le_bytes());
            central.extend_from_slice(&entry.name);
        }
    }
    let start = u32::try_from(bytes.len()).unwrap();
    bytes.extend_from_slice(&central);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&listed.to_le_bytes());
    bytes.extend_from_slice(&listed.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(central.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

#[track_caller]
fn check(bytes: &[u8], expected: Result<&[FindingCode], FindingCode>) {
    let opened = Package::open(bytes);
    let seen = opened
        .as_ref()
        .map(|package| {
            package
                .warnings()
                .iter()
                .map(Refusal::code)
                .collect::<Vec<_>>()
        })
        .map_err(Refusal::code);
    assert_eq!(
        seen,
        expected.map(<[FindingCode]>::to_vec),
        "{:?}",
        opened.err()
    );
}

#[test]
fn an_honest_package_opens_and_reads() {
    let bytes = zip(&[
        planned("Doc_0/", b""),
        planned("OFD.xml", b"root"),
        planned("a", b""),
    ]);
    check(&bytes, Ok(&[]));
    let package = Package::open(&bytes).unwrap();
    let names: Vec<&str> = package.files().map(|file| package.name(file)).collect();
    assert_eq!(names, ["OFD.xml", "a"]);
    let found = package.find("ofd.XML").unwrap();
    assert!(found.case_folded);
    assert_eq!(package.read(found.file).unwrap().as_ref(), b"root");
    assert!(package.find("Doc_0").is_none());
}

#[test]
fn names_that_leave_the_package_are_refused() {
    for name in [
        "../x",
        "/x",
        "a/../../x",
        "a//b",
        "./a",
        "a\\b",
        "C:/x",
        "a\0b",
        "",
        "/",
    ] {
        check(&zip(&[planned(name, b"")]), Err(FindingCode::ZipPath));
    }
    check(
        &zip(&[planned(&"n".repeat(limits::NAME_BYTES + 1), b"")]),
        Err(FindingCode::ZipPath),
    );
    check(
        &zip(&[planned(&"n/".repeat(40), b"")]),
        Err(FindingCode::ZipPath),
    );
}

#[test]
fn two_readings_of_one_package_are_refused() {
    let twice = [planned("a", b"good"), planned("a", b"evil")];
    check(&zip(&twice), Err(FindingCode::ZipDup));
    check(
        &zip(&[planned("a", b""), planned("a/", b"")]),
        Err(FindingCode::ZipDup),
    );
    let crossed = Planned {
        local_name: Some(b"b".to_vec()),
        ..planned("a", b"")
    };
    check(&zip(&[crossed]), Err(FindingCode::ZipStruct));
    let hidden = Planned {
        is_listed: false,
        ..planned("b", b"evil")
    };
    for entries in [
        [hidden.clone(), planned("a", b"")],
        [planned("a", b""), hidden],
    ] {
        check(&zip(&entries), Err(FindingCode::ZipStruct));
    }
    let cases = [planned("A", b""), planned("a", b"")];
    check(&zip(&cases), Ok(&[FindingCode::ZipCase]));
    let bytes = zip(&cases);
    let package = Package::open(&bytes).unwrap();
    assert!(!package.find("a").unwrap().case_folded);
    assert_ne!(package.find("a"), package.find("A"));
}

#[test]
fn entries_hidden_in_the_data_of_another_are_refused() {
    let inner = zip(&[planned("b", b"forged")]);
    let header_and_data = &inner[..37];
    let entry = |content: &[u8], method: u16, flags: u16| {
        zip(&[Planned {
            method,
            flags,
            ..planned("a", content)
        }])
    };
    let mut stream = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut stream, b"good").unwrap();
    let stream = stream.finish().unwrap();
    let descriptor = b"PK\x07\x08 its sizes  ";
    let hidden = [&stream[..], descriptor, header_and_data].concat();
    // A stream in which the four bytes occur by themselves: a stored block.
    let honest = [b"\x01\x25\0\xDA\xFF", header_and_data].concat();
    for flags in [0, 8] {
        check(&entry(&hidden, 8, flags), Err(FindingCode::ZipStruct));
        check(&entry(&stream, 8, flags), Ok(&[]));
        check(&entry(&honest, 8, flags), Ok(&[]));
    }
    // An attached package is passed over, if its length is told.
    check(&entry(&inner, 0, 0), Ok(&[]));
    check(&entry(&inner, 0, 8), Err(FindingCode::ZipStruct));

    // Whoever goes on where the local header says would come upon something else.
    for (size, expected) in [
        (0_u32, Ok(&[][..])),
        (3, Err(FindingCode::ZipStruct)),
        (40, Err(FindingCode::ZipStruct)),
    ] {
        let mut bytes = zip(&[planned("a", b"good"), planned("b", header_and_data)]);
        bytes[18..22].copy_from_slice(&size.to_le_bytes());
        check(&bytes, expected);
    }

    // A header that begins in the data and goes on behind them.
    let mut bytes = entry(&[b"PK", &header_and_data[2..]].concat(), 0, 0);
    let central = memchr::memmem::rfind(&bytes, b"PK\x01\x02").unwrap();
    for size in [18, central + 20] {
        bytes[size..size + 4].copy_from_slice(&2_u32.to_le_bytes());
    }
    check(&bytes, Err(FindingCode::ZipStruct));
}

#[test]
fn a_name_that_a_chinese_reader_takes_for_another_is_refused() {
    // The same two bytes are one character in UTF-8, and another in GB 18030.
    let twin = |flags| Planned {
        name: b"\xC4\xBF/a".to_vec(),
        flags,
        ..planned("", b"forged")
    };
    let signed = || planned("目/a", b"good");
    check(&zip(&[signed(), twin(0)]), Err(FindingCode::ZipDup));
    check(&zip(&[twin(0), signed()]), Err(FindingCode::ZipDup));
    check(&zip(&[signed(), twin(0x0800)]), Ok(&[]));
}

#[test]
fn overlapping_entries_are_refused() {
    // The second entry's local header lies inside the first one's data.
    let inner = zip(&[planned("b", b"twice")]);
    let outer = planned("a", &inner[..36]);
    let mut bytes = zip(&[outer, planned("b", b"twice")]);
    let honest = Package::open(&bytes).is_ok();
    let central = bytes
        .windows(4)
        .rposition(|part| part == b"PK\x01\x02")
        .unwrap();
    bytes[central + 42..central + 46].copy_from_slice(&31_u32.to_le_bytes());
    assert!(honest);
    check(&bytes, Err(FindingCode::ZipStruct));
}

#[test]
fn links_encryption_and_other_methods_are_refused() {
    let link = Planned {
        mode: 0o120_777,
        ..planned("a", b"/etc/passwd")
    };
    check(&zip(&[link]), Err(FindingCode::ZipSymlink));
    let encrypted = Planned {
        flags: 0x0801,
        ..planned("a", b"secret-secret")
    };
    check(&zip(&[encrypted]), Err(FindingCode::ZipStruct));
    let unknown = Planned {
        method: 12,
        ..planned("a", b"x")
    };
    check(&zip(&[unknown]), Err(FindingCode::ZipStruct));
    let folder = planned("a/", b"content");
    check(&zip(&[folder]), Err(FindingCode::ZipStruct));
}

#[test]
fn bombs_are_refused_before_anything_is_inflated() {
    let large = Planned {
        declared_size: Some(1 << 30),
        ..planned("a", b"x")
    };
    check(&zip(&[large]), Err(FindingCode::ZipBomb));
    let steep = Planned {
        declared_size: Some(9 << 20),
        ..planned("a", b"x")
    };
    check(&zip(&[steep]), Err(FindingCode::ZipBomb));
    let size = Some(7 << 20);
    let many: Vec<Planned> = (0..40)
        .map(|at| Planned {
            declared_size: size,
            ..planned(&at.to_string(), b"x")
        })
        .collect();
    check(&zip(&many), Err(FindingCode::ZipBomb));
    let entries: Vec<Planned> = (0..=limits::ENTRIES)
        .map(|at| planned(&at.to_string(), b""))
        .collect();
    check(&zip(&entries), Err(FindingCode::ZipEntries));
    check(&zip(&entries[1..]), Ok(&[]));
}

#[test]
fn an_entry_must_inflate_to_what_was_announced() {
    let honest = zip(&[planned("a", b"four")]);
    let mut changed = honest.clone();
    changed[32] ^= 1;
    assert_eq!(read_a(&honest), Ok(b"four".to_vec()));
    assert_eq!(read_a(&changed), Err(FindingCode::ZipStruct));
    let content = vec![0; 2 << 20];
    assert_eq!(
        read_a(&deflated(&content, content.len())),
        Ok(content.clone())
    );
    assert_eq!(
        read_a(&deflated(&content, content.len() - 1)),
        Err(FindingCode::ZipBomb)
    );
    assert_eq!(
        read_a(&deflated(&content, content.len() + 1)),
        Err(FindingCode::ZipStruct)
    );
}

/// A package with the deflated file `a` that announces another size.
fn deflated(content: &[u8], declared: usize) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file("a", zip::write::SimpleFileOptions::default())
        .unwrap();
    std::io::Write::write_all(&mut writer, content).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let central = bytes
        .windows(4)
        .rposition(|part| part == b"PK\x01\x02")
        .unwrap();
    let size = u32::try_from(declared).unwrap().to_le_bytes();
    bytes[central + 24..central + 28].copy_from_slice(&size);
    bytes
}

fn read_a(bytes: &[u8]) -> Result<Vec<u8>, FindingCode> {
    let package = Package::open(bytes).unwrap();
    let file = package.find("a").unwrap().file;
    let mut streamed = Vec::new();
    let outcome = package.stream(file, &mut |chunk| streamed.extend_from_slice(chunk));
    let read = package.read(file).map(Cow::into_owned);
    assert_eq!(outcome.map(|()| streamed), read);
    read.map_err(|refusal| refusal.code())
}

#[test]
fn bytes_around_the_package_are_reported() {
    let honest = zip(&[planned("a", b"x")]);
    let odd: &[FindingCode] = &[FindingCode::ZipStruct];
    check(&[&b"prefix"[..], &honest].concat(), Ok(odd));
    check(&[&honest, &[0; 1000][..]].concat(), Ok(odd));
    for length in 0..honest.len() {
        check(&honest[..length], Err(FindingCode::ZipStruct));
    }
    check(b"%PDF-1.7", Err(FindingCode::ZipStruct));
}

#[test]
fn a_package_over_the_limit_of_packed_bytes_is_refused() {
    let package = zip(&[planned("OFD.xml", b"root")]);
    // What stands before the package is odd and no more: the size alone decides.
    let sized = |bytes: usize| [vec![0; bytes - package.len()], package.clone()].concat();
    check(&sized(limits::PACKED_BYTES), Ok(&[FindingCode::ZipStruct]));
    let bytes = sized(limits::PACKED_BYTES + 1);
    let refused = Package::open(&bytes).err().unwrap();
    assert_eq!(refused.code(), FindingCode::ZipBomb);
    let said = refused.detail();
    assert!(said.ends_with("at most 67108864 are read"), "{said}");
}
