//! One entry of a package, as both of its headers describe it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use zip::CompressionMethod;
use zip::read::ZipFileEntry;

use super::container::{bomb, broken};
use super::inflate::Packed;
use super::shared::SharedPart;
use super::{Refusal, directory, limits, names};
use crate::verdict::FindingCode;

/// One entry of a package.
pub(super) struct Entry {
    pub(super) name: String,
    /// Its name as some readers decode it who are not told that it is UTF-8.
    pub(super) other_name: Option<String>,
    pub(super) is_directory: bool,
    pub(super) size_bytes: u64,
    pub(super) checksum: u32,
    pub(super) is_deflated: bool,
    /// Where its packed data stand.
    pub(super) data: Range<usize>,
    /// Its unpacked bytes, where the package keeps them.
    pub(super) content: OnceLock<Box<[u8]>>,
    /// What is known of it from other packages.
    pub(super) shared: OnceLock<Arc<SharedPart>>,
}

impl Entry {
    /// The entry that the headers describe.
    ///
    /// # Errors
    /// `ZIP_*`: its name, kind, method or sizes are refused.
    pub(super) fn checked(
        entry: &ZipFileEntry<'_>,
        headers: &directory::Headers<'_>,
    ) -> Result<Self, Refusal> {
        let name = names::decoded(headers.name)?;
        let is_directory = name.ends_with('/');
        let name = name.strip_suffix('/').unwrap_or(&name).to_owned();
        names::check(&name)?;
        if entry.is_symlink() {
            return Err(Refusal::new(FindingCode::ZipSymlink, name));
        }
        if entry.encrypted() {
            return Err(broken(format!("{name}: encrypted by the container")));
        }
        if !matches!(
            entry.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(broken(format!("{name}: neither stored nor deflated")));
        }
        let (size_bytes, packed) = (entry.size(), entry.compressed_size());
        if is_directory && size_bytes > 0 {
            return Err(broken(format!("{name}: a directory with content")));
        }
        if size_bytes > limits::UNPACKED_BYTES {
            return Err(bomb(&name, &format!("{size_bytes} bytes unpacked")));
        }
        if size_bytes > limits::RATIO_FLOOR_BYTES && size_bytes / limits::RATIO > packed {
            return Err(bomb(
                &name,
                &format!("{packed} bytes unpack to {size_bytes}"),
            ));
        }
        let other_name = (!headers.is_said_to_be_utf8 && !headers.name.is_ascii())
            .then(|| names::in_chinese(headers.name))
            .flatten();
        Ok(Self {
            name,
            other_name,
            is_directory,
            size_bytes,
            checksum: entry.crc32(),
            is_deflated: entry.compression() == CompressionMethod::Deflated,
            data: headers.data.clone(),
            content: OnceLock::new(),
            shared: OnceLock::new(),
        })
    }

    /// Its packed bytes in those of the package, and what they should unpack to.
    pub(super) fn packed<'p>(&'p self, package: &'p [u8]) -> Packed<'p> {
        Packed {
            name: &self.name,
            data: package.get(self.data.clone()).unwrap_or_default(),
            is_deflated: self.is_deflated,
            size_bytes: self.size_bytes,
            checksum: self.checksum,
        }
    }
}

/// Both headers of an entry.
///
/// # Errors
/// `ZIP_STRUCT` when they cannot be read or name it differently.
pub(super) fn headers_of<'a>(
    bytes: &'a [u8],
    entry: &ZipFileEntry<'_>,
) -> Result<directory::Headers<'a>, Refusal> {
    let positions = (
        usize::try_from(entry.header_start()),
        usize::try_from(entry.central_header_start()),
    );
    let (Ok(local), Ok(central)) = positions else {
        return Err(broken("impossible offset"));
    };
    let sizes = [entry.compressed_size(), entry.size()];
    let headers = directory::headers(bytes, local, central, sizes)?;
    if headers.name == entry.name_raw() {
        Ok(headers)
    } else {
        Err(broken("an extra field carries another name"))
    }
}
