//! Entries that only a reader finds which walks from local header to local header.
//!
//! Such a reader goes on where an entry's data end: as the local header says, or where the
//! deflated stream ends by itself. What stands between there and the end that the central
//! directory gives must hold no further entry.

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem;

use super::Refusal;
use super::container::broken;
use super::directory::{Headers, LOCAL_SIGNATURE};

/// Refuses an entry in whose data another one could be found.
///
/// # Errors
/// `ZIP_STRUCT`.
pub(super) fn check(bytes: &[u8], entry: &Headers<'_>) -> Result<(), Refusal> {
    let data = bytes.get(entry.data.clone()).unwrap_or_default();
    if memmem::find(data, LOCAL_SIGNATURE).is_none() {
        return Ok(());
    }
    // Its four bytes may occur in a stream by themselves; behind the stream's end nothing may
    // stand. Stored data, such as an attached package, are passed over by their length.
    let is_passed_over = if entry.is_deflated {
        deflated_bytes(data, entry.size_bytes) == Some(data.len())
    } else {
        entry.is_measured
    };
    if is_passed_over {
        return Ok(());
    }
    let name = String::from_utf8_lossy(entry.name);
    let detail = format!("{name}: a local header is hidden in the data of an entry");
    Err(broken(detail))
}

/// Length of the deflated stream that `data` begins with; none when it does not end, or unpacks to
/// more than was announced.
fn deflated_bytes(data: &[u8], announced: u64) -> Option<usize> {
    let mut state = Decompress::new(false);
    let mut output = vec![0_u8; 32 << 10];
    loop {
        if state.total_out() > announced {
            return None;
        }
        let (seen, made) = (state.total_in(), state.total_out());
        let rest = data.get(usize::try_from(seen).ok()?..)?;
        match state.decompress(rest, &mut output, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return usize::try_from(state.total_in()).ok(),
            Ok(_) if (seen, made) != (state.total_in(), state.total_out()) => {}
            _ => return None,
        }
    }
}
