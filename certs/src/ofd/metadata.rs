//! Metadata in `OFD.xml`.

use schemas::metadata::{Metadata, MetadataError};
use schemas::ofd::document::Root;

/// Metadata of the body that is shown.
pub(super) fn of(root: &Root) -> Result<Metadata, MetadataError> {
    let pairs = root.custom_data().iter();
    Metadata::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str())))
}
