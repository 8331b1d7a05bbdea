//! Licence files of any size.

/// What begins an entry, its line in the directory, and the end of the directory.
const MARKS: [&[u8]; 3] = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"];

/// Bytes of the end of the directory, without a comment.
const END_BYTES: usize = 22;

/// Name of the entry that makes the file larger: nothing shows it, hence no seal need cover it.
const NAME: &[u8] = b"Padding.bin";

/// A sealed file that is larger by an entry of `bytes` bytes, as good as before; other bytes for
/// another `seed`.
///
/// # Panics
/// When the file is no container without a comment.
#[must_use]
pub fn padded(file: &[u8], bytes: usize, seed: u64) -> Vec<u8> {
    let [local_mark, central_mark, end_mark] = MARKS;
    let (before, end) = file.split_at(file.len() - END_BYTES);
    assert!(end.starts_with(end_mark), "no comment");
    let number = |at: usize| u32::from_le_bytes(end[at..at + 4].try_into().expect("four bytes"));
    let (size, start) = (number(12), number(16));
    let (entries, central) = before.split_at(usize::try_from(start).expect("fits"));
    let content = noise(bytes, seed);
    let length = u32::try_from(content.len()).expect("fits");
    let mut fields = Vec::new();
    // Version, flags, method (stored), time, date.
    for field in [20_u16, 0, 0, 0, 0x21] {
        fields.extend_from_slice(&field.to_le_bytes());
    }
    for field in [crc32(&content), length, length] {
        fields.extend_from_slice(&field.to_le_bytes());
    }
    let name_length = u16::try_from(NAME.len()).expect("fits").to_le_bytes();
    fields.extend_from_slice(&[name_length, [0; 2]].concat());
    let local = [local_mark, &fields, NAME, &content].concat();
    let place = [&[0_u8; 10][..], &start.to_le_bytes()].concat();
    let line = [central_mark, &[20, 3], &fields, &place, NAME].concat();
    let count = u16::from_le_bytes([end[10], end[11]]) + 1;
    let size = size + u32::try_from(line.len()).expect("fits");
    let start = start + u32::try_from(local.len()).expect("fits");
    let count = count.to_le_bytes();
    let places = [size.to_le_bytes(), start.to_le_bytes()].concat();
    let end = [end_mark, &[0; 4], &count, &count, &places, &[0; 2]].concat();
    [entries, &local, central, &line, &end].concat()
}

/// Bytes that nothing makes smaller (xorshift64).
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    let step = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc));
    !bytes.iter().fold(!0, step)
}
