//! Metadata of a licence in a PDF: an XMP packet (ISO 16684-1:2019) in the catalog's `/Metadata`.
//!
//! \[P\] GB/T 36905-2018 has OFD alone. The names are those of GB/T 36903-2018, one property for
//! each field.

/// Namespace of the properties as they are written here \[P\]: no standard gives them one.
pub const NAMESPACE: &str = "urn:gbt:36903-2018#";
