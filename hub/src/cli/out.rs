//! Standard output of the commands. A reader that goes away, for instance `head`, is the end of
//! the work and no trouble: everything that prints goes through here and hands the error on.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// Exit code after the reader of the output went away: that of a program which the system ends
/// for it (128 and SIGPIPE). Not 0, because nobody can have read that all was good.
pub(super) const READER_GONE: u8 = 141;

/// Prints a formatted line; must be handed on with `?`.
macro_rules! outln {
    ($($argument:tt)*) => {
        $crate::cli::out::text(format_args!("{}\n", format_args!($($argument)*)))
    };
}
pub(crate) use outln;

/// Prints a text as it is.
///
/// # Errors
/// The output cannot be written; [`is_reader_gone`] says whether only its reader is gone.
pub(crate) fn text(text: impl fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")?;
    // A text without a line end would stay in the buffer, and its error would come too late.
    out.flush()
}

/// Whether work ended because nobody reads the output any more.
pub(super) fn is_reader_gone(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
}
