//! ZIP files that different readers unpack differently.

use schemas::verdict::FindingCode::{
    OfdXmlUncovered, RefMissing, Uncovered, ZipDup, ZipPath, ZipStruct,
};

use super::scene::{EVIL, PAGE, Parts, check, check_bytes, check_valid};
use super::writer::{Container, DEFLATED, DESCRIPTOR, END, Entry, short, unicode_path};

fn hidden_page() -> Vec<u8> {
    Entry::stored(PAGE, EVIL.as_bytes()).local()
}

#[track_caller]
fn check_entry(attack: &str, entry: &Entry) {
    let mut container = Container::sealed();
    container.add(entry);
    check_bytes(attack, &container.finish(), ZipStruct);
}

#[test]
fn the_writer_is_honest() {
    let warnings = &[RefMissing, OfdXmlUncovered];
    check_valid("stored", &Container::sealed().finish(), warnings);
    let mut container = Container::sealed();
    // A ZIP file as an attachment is nothing bad, streamed or not.
    let attached = Container::sealed().finish();
    container.add(&Entry::stored("a.zip", &attached));
    container.add(&Entry::deflated("b.zip", &attached));
    container.add(&Entry {
        flags: DESCRIPTOR,
        local_packed: Some(0),
        ..Entry::deflated("c.zip", &attached)
    });
    let warnings = &[RefMissing, Uncovered, OfdXmlUncovered];
    check_valid("with archives inside", &container.finish(), warnings);
}

#[test]
fn headers_that_disagree_are_refused() {
    let note = Entry::stored("note.txt", &hidden_page());
    check_entry(
        "a local size of zero before a hidden page",
        &Entry {
            local_packed: Some(0),
            ..note.clone()
        },
    );
    check_entry(
        "a streamed entry with a hidden page",
        &Entry {
            local_packed: Some(0),
            flags: DESCRIPTOR,
            ..note.clone()
        },
    );
    let mut slack = Entry::deflated("note.txt", b"note");
    slack.data.extend_from_slice(&hidden_page());
    check_entry(
        "a page hidden behind a deflated stream",
        &Entry {
            local_packed: Some(0),
            flags: DESCRIPTOR,
            ..slack
        },
    );
    check_entry(
        "another method in the local header",
        &Entry {
            local_method: DEFLATED,
            ..note.clone()
        },
    );
    check_entry(
        "another name in a local extra field",
        &Entry {
            local_extra: unicode_path("note.txt", PAGE),
            ..note.clone()
        },
    );
    let mut container = Container::sealed();
    container.add(&Entry {
        central_extra: unicode_path("note.txt", PAGE),
        ..note.clone()
    });
    check_bytes(
        "another name in a central extra field",
        &container.finish(),
        ZipDup,
    );
    check_entry(
        "another name with a wrong checksum",
        &Entry {
            central_extra: unicode_path("other.txt", PAGE),
            ..note
        },
    );
}

#[test]
fn hidden_entries_are_refused() {
    let mut container = Container::sealed();
    container.bytes.extend_from_slice(&hidden_page());
    check_bytes(
        "a local header that nothing lists",
        &container.finish(),
        ZipStruct,
    );
    let mut first = Container {
        bytes: hidden_page(),
        ..Container::default()
    };
    for (name, content) in &Parts::sealed().0 {
        first.add(&Entry::stored(name, content));
    }
    check_bytes("the same at the beginning", &first.finish(), ZipStruct);
    let mut twice = Container::sealed();
    let entry = Entry::stored("twin.xml", EVIL.as_bytes());
    twice.add(&entry);
    twice.list(&entry, 0);
    check_bytes("two entries with one local header", &twice.finish(), ZipDup);
    let mut overlapping = Container::sealed();
    let (at, inner) = (overlapping.bytes.len(), Entry::stored("inner", b"x"));
    let outer = Entry::stored("outer", &inner.local());
    overlapping.add(&outer);
    overlapping.list(&inner, at + 35);
    check_bytes("an entry inside another", &overlapping.finish(), ZipStruct);
}

/// An entry of the first container holds the evil page; the directory of the second lists it.
fn rivals() -> (Container, Container) {
    let mut good = Container::sealed();
    let at = good.bytes.len() + 38;
    good.add(&Entry::stored("note.txt", &hidden_page()));
    let mut evil = Container::default();
    evil.list(&Entry::stored(PAGE, EVIL.as_bytes()), at);
    (good, evil)
}

#[test]
fn a_second_end_record_is_refused() {
    let (good, evil) = rivals();
    let with_comment = |hole: &[u8]| {
        let start = good.bytes.len() + hole.len();
        [&good.bytes, hole, &good.central, &good.end(start, 0)].concat()
    };
    // The evil end record's comment is everything behind it.
    let evil_end = |tail: usize| {
        let behind = good.central.len() + 22 + tail;
        [evil.central.clone(), evil.end(good.bytes.len(), behind)].concat()
    };
    check_bytes(
        "the good end inside the evil one's comment",
        &with_comment(&evil_end(0)),
        ZipStruct,
    );
    let note = Entry::stored("more.txt", &evil_end(0));
    let mut inside = Container::sealed();
    inside.add(&note);
    let bytes = [inside.finish(), vec![0; 7]].concat();
    let position = bytes.windows(4).position(|part| part == END).unwrap();
    let mut bytes = bytes;
    let comment = short(bytes.len() - position - 22);
    bytes[position + 20..position + 22].copy_from_slice(&comment);
    check_bytes(
        "an end inside an entry whose comment fits better",
        &bytes,
        ZipStruct,
    );
}

#[test]
fn a_second_directory_is_refused() {
    let (good, evil) = rivals();
    let prefixed = [
        &evil.central,
        &good.bytes[..],
        &good.central,
        &good.end(0, 0),
    ]
    .concat();
    check_bytes(
        "offsets that are right without the prefix",
        &prefixed,
        ZipStruct,
    );
    let slack = [
        &good.central[..],
        b"PK\x06\x06",
        &[0; 52],
        b"PK\x06\x07",
        &[0; 16],
    ]
    .concat();
    let long = Container {
        bytes: good.bytes.clone(),
        central: slack,
        count: good.count,
    };
    check_bytes("a 64-bit end record", &long.finish(), ZipStruct);
    let more = [&good.central[..], &evil.central].concat();
    let uncounted = Container {
        bytes: good.bytes.clone(),
        central: more,
        count: good.count,
    };
    check_bytes(
        "an entry that is not counted",
        &uncounted.finish(),
        ZipStruct,
    );
    let mut volumes = good.finish();
    let end = volumes.len() - 22;
    volumes[end + 4] = 1;
    check_bytes("a second volume", &volumes, ZipStruct);
}

#[test]
fn names_that_some_systems_change_are_refused() {
    for name in [
        "Doc_0/Pages/Page_0/Content.xml.",
        "Doc_0/Pages/Page_0/Content.xml ",
        "Doc_0/Pages/Page_0./Content.xml",
        "Doc_0/Pages/Page_0/Content.xml::$DATA",
        "Doc_0/Pages/../Pages/Page_0/Content.xml",
        "/Doc_0/Pages/Page_0/Content.xml",
        "Doc_0\\Pages\\Page_0\\Content.xml",
        "Doc_0/Pages/Page_0/Content.xml\0",
    ] {
        let mut container = Container::sealed();
        container.add(&Entry::stored(name, EVIL.as_bytes()));
        check_bytes(name, &container.finish(), ZipPath);
    }
    let mut twice = Container::sealed();
    twice.add(&Entry::stored(PAGE, EVIL.as_bytes()));
    check_bytes("the page twice", &twice.finish(), ZipDup);
    let folder = Parts::sealed().with("OFD.xml/x", "x");
    check("a file that is a folder too", &folder, ZipDup);
}
