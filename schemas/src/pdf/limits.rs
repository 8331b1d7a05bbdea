//! Every bound of the PDF reader: its number, its name and where the number comes from.

/// Largest accepted file in bytes: 200 MB, the limit of ARCHITECTURE.md, Limits.
pub const FILE_BYTES: usize = 200_000_000;

/// Bytes of one page of a file that is not in memory: what one look at an object costs.
pub const PAGE_BYTES: usize = 16 << 10;

/// Most bytes of such pages that are kept: the objects of usual files without their streams.
pub const CACHED_BYTES: usize = 4 << 20;

/// Most bytes that are looked at for one object, its stream apart: twice the longest `/Contents`
/// as it is written.
pub const OBJECT_BYTES: usize = 16 << 20;

/// Where `%PDF-` may begin: at the first byte alone, which is where a signature begins to cover.
pub const HEADER_AT: usize = 0;

/// How far from the end `startxref` is looked for: what ISO 32000-2:2020 annex I lets readers do.
pub const TAIL_BYTES: usize = 1_024;

/// Deepest nesting of arrays and dictionaries; real files stay below 20.
pub const DEPTH: usize = 64;

/// Most items in one indirect object, all levels together: an array of a hundred thousand kids is
/// more than any document tree has.
pub const ITEMS: usize = 131_072;

/// Most keys of one dictionary; resources of real pages have some hundreds.
pub const KEYS: usize = 4_096;

/// Longest name in bytes: ISO 32000-1:2008 annex C has 127.
pub const NAME_BYTES: usize = 1_024;

/// Most cross-reference sections, and so most revisions: ten times the 51 signatures with which
/// other verifiers test.
pub const SECTIONS: usize = 512;

/// Highest object number: ISO 32000-1:2008 annex C.
pub const OBJECT_NUMBER: u32 = 8_388_607;

/// Most cross-reference entries of a file, all revisions together: the largest file with an object
/// every 200 bytes. They take 24 MB.
pub const ENTRIES: usize = 1_000_000;

/// Most bytes that one stream of cross-references or objects inflates to: so many entries with room
/// to spare.
pub const INFLATED_BYTES: usize = 16 << 20;

/// Most bytes that all such streams of a file inflate to, one that is inflated twice counted twice.
pub const INFLATED_TOTAL_BYTES: usize = 256 << 20;

/// Most bytes of inflated object streams that are kept: above the largest of them.
pub const INFLATED_KEPT_BYTES: usize = 24 << 20;

/// Most objects in one object stream: writers put 100 to 200 into one.
pub const STREAM_OBJECTS: usize = 100_000;

/// Most form fields of a file.
pub const FIELDS: usize = 20_000;

/// Longest full name of a form field in bytes: generated ones have some hundreds. Each field keeps
/// its own.
pub const FIELD_NAME_BYTES: usize = 2_048;

/// Most items in the dictionaries of all fields of a form: a dozen for each of the fields. Those
/// of two revisions are kept at a time, in some 40 MB.
pub const FORM_ITEMS: usize = 250_000;

/// Most items of a trailer that are kept: there are seven entries, and one of them may be a
/// dictionary.
pub const TRAILER_ITEMS: usize = 256;

/// Most revisions in which objects are looked for, in sum: some seconds. A file with 51 signatures
/// and a hundred thousand references needs a tenth of it.
pub const LOOKUPS: usize = 500_000_000;

/// Most bytes of objects that are read, in sum: so many times the file, and a floor. Each object is
/// read a few times; objects that overlap one another could else be read for hours.
pub const READ_TIMES: usize = 8;
/// The floor of [`READ_TIMES`] in bytes.
pub const READ_FLOOR_BYTES: usize = 64 << 20;
/// The ceiling of [`READ_TIMES`] in bytes: some ten seconds of small objects. What is large in a
/// file is data of streams, which are not read for this.
pub const READ_CEILING_BYTES: usize = 512 << 20;

/// Deepest nesting of fields and of page trees.
pub const TREE_DEPTH: usize = 64;

/// Most entries of one signature's `/Reference`; signers write one or two.
pub const REFERENCES: usize = 16;

/// Most names in one lock, and in the locks of all signatures together: one for each field.
pub const LOCKED_NAMES: usize = FIELDS;

/// Most bytes that all signatures of a file cover, those covered twice counted twice: five times
/// the largest file, 50 times one of 20 MB. Each signature digests them up to three times: some ten
/// seconds with SM3.
pub const COVERED_TOTAL_BYTES: usize = 1_000_000_000;

/// Most signatures of a file: as many as revisions.
pub const SIGNATURES: usize = 256;

/// Most bytes of one `/Contents`, of which each is written as two digits: a seal with a large
/// picture and a chain.
pub const CONTENTS_BYTES: usize = 4 << 20;

/// Most bytes of every `/Contents` of a file together.
pub const CONTENTS_TOTAL_BYTES: usize = 16 << 20;

/// Most objects that later revisions may change or add in sum before nobody can judge them.
pub const CHANGED_OBJECTS: usize = 100_000;

/// Objects of one kind of change that are named one by one, each revision.
pub const NAMED_OBJECTS: usize = 20;

/// Changes of one level that are kept for a report, each revision: twice what it names, and more.
pub const NOTED_CHANGES: usize = 50;

/// Most certificates, and most revocation lists, taken from the file itself.
pub const VALIDATION_ITEMS: usize = 256;

/// Most bytes of certificates, and most of revocation lists, taken from the file itself: the lists
/// of large public authorities have some megabytes.
pub const VALIDATION_BYTES: usize = 16 << 20;

/// Largest area of the widgets that one update with a signature adds after another signature, in
/// square points: an eighth of an A4 page, four times the largest round seal. Larger ones could
/// hide what was signed.
pub const ADDED_WIDGET_AREA: f64 = 62_600.0;
