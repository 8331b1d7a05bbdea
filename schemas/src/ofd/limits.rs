//! Every bound of the OFD reader: its number, its name and where the number comes from.
//!
//! Among 123 real files the largest unpacks to 4.05 MB, holds 415 entries and compresses no better
//! than 16.7 : 1, so each bound leaves real files at least an order of magnitude of room.

/// Largest accepted package in bytes, packed: 64 MiB, the limit of ARCHITECTURE.md, Limits.
pub const PACKED_BYTES: usize = 64 << 20;

/// Largest sum of unpacked entries in bytes: 256 MiB, the limit of ARCHITECTURE.md, Limits.
pub const UNPACKED_BYTES: u64 = 256 << 20;

/// Most entries in a package, directories included: the limit of ARCHITECTURE.md, Limits.
pub const ENTRIES: usize = 10_000;

/// Highest ratio of unpacked to packed size of one entry: the limit of ARCHITECTURE.md, Limits.
pub const RATIO: u64 = 100;

/// Entries that unpack to less than this many bytes may have any ratio: repetitive XML of a few
/// megabytes compresses past [`RATIO`], and [`UNPACKED_BYTES`] still bounds their sum.
pub const RATIO_FLOOR_BYTES: u64 = 8 << 20;

/// Longest entry name in bytes: real names stay below 100, file systems end at 255 a segment.
pub const NAME_BYTES: usize = 1_024;

/// Most segments in an entry name: real files use up to 6.
pub const NAME_SEGMENTS: usize = 32;

/// Entries up to this size are kept after they were inflated once; larger ones (pictures, fonts)
/// are only hashed in passing, so that memory stays bounded.
pub const KEPT_ENTRY_BYTES: u64 = 1 << 20;

/// Most bytes kept inflated at a time: with a package of 64 MiB the reader stays near 128 MiB.
pub const KEPT_BYTES: u64 = 48 << 20;

/// Largest XML part in bytes: four times the unpacked size of the largest real file.
pub const XML_BYTES: u64 = 16 << 20;

/// Most bytes of XML that are walked for one file: sixteen times everything in the largest real
/// file.
pub const XML_TOTAL_BYTES: u64 = 64 << 20;

/// A text, an entity, a comment or an element counts as so many bytes of [`XML_TOTAL_BYTES`] at
/// least: in real files it has 20 to 60.
pub const XML_PIECE_BYTES: u64 = 16;

/// Most bytes of signed XML that is shown nowhere and is looked through for documents that were
/// left out: four times everything in the largest real file.
pub const UNSHOWN_XML_BYTES: u64 = 16 << 20;

/// Most bytes that are digested for one file, by all algorithms together: the largest package by
/// two of them.
pub const DIGESTED_BYTES: u64 = 2 * UNPACKED_BYTES;

/// Largest XML part in bytes that is kept as a tree (`OFD.xml`, signature parts): a signature with
/// a reference to every entry of the largest package takes about 2 MiB.
pub const TREE_BYTES: usize = 4 << 20;

/// Deepest nesting of XML elements: the limit of ARCHITECTURE.md, Limits.
pub const XML_DEPTH: usize = 64;

/// Most elements in one XML part that is scanned: more than a 16 MiB part can usefully hold.
pub const XML_ELEMENTS: usize = 1_000_000;

/// Most elements in one XML part that is kept as a tree (`OFD.xml`, signature parts): 10,000
/// references of two elements each, several times over.
pub const TREE_ELEMENTS: usize = 100_000;

/// Most attributes of one element: GB/T 33190-2016 defines fewer than 20 for any.
pub const ATTRIBUTES: usize = 256;

/// Most documents (bodies and their versions) walked in one package: real files hold one or two.
pub const DOCUMENTS: usize = 64;

/// Most locations that are followed in one package: ten for every entry it may hold.
pub const LINKS: usize = 100_000;

/// Most uses of composite units and templates in one document: files that wrap whole pages into
/// composite units have a few per page.
pub const USES: usize = 50_000;

/// Findings of one sort that are reported one by one; only their number follows.
pub const SAME_FINDINGS: usize = 20;

/// Most signatures in one package: real files hold up to a handful.
pub const SIGNATURES: usize = 64;

/// Most bytes of `Signature.xml`, signed values and seal files that are read for one package, one
/// that several signatures name counted as often: a signature with a reference to every entry of
/// the largest package, a signed value and its seal take some 3 MiB.
pub const SIGNATURE_PARTS_BYTES: u64 = 128 << 20;

/// Most references in one signature: one for every entry of the largest package.
pub const REFERENCES: usize = 10_000;

/// Most references in all signatures of one package together: five signatures over every entry of
/// the largest one, or all that there may be over 700 entries each.
pub const REFERENCES_TOTAL: usize = 50_000;
