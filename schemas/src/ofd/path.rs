//! Locations written in a part (`ST_Loc` of GB/T 33190-2016), made into paths from the root.
//!
//! The standard lets a location be absolute (`/Doc_0/x`) or relative to the part that holds it.
//! Real writers also mean relative to the document's folder or to the root. Where several of
//! these lead to a file, all of them are returned: which one another reader opens is unknown.

use super::container::{FileId, Package};
use super::{Refusal, limits, xml};
use crate::verdict::FindingCode;

/// Where a location may lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Files that exist, the standard's meaning first.
    pub files: Vec<FileId>,
    /// Path in the standard's meaning, from the root without leading slash.
    pub path: String,
    /// Whether a file was only found under a name of other letter case.
    pub case_folded: bool,
}

/// The folder of a path, without trailing slash; empty for the root.
#[must_use]
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Joins a location to a folder and removes `.` and `..`.
///
/// # Errors
/// `REF_PATH` when the location climbs above the root, is longer than any entry name, or begins or
/// ends with white space that is none of XML.
pub fn join(folder: &str, location: &str) -> Result<String, Refusal> {
    if location.len() > limits::NAME_BYTES {
        return Err(Refusal::new(
            FindingCode::RefPath,
            "a location longer than any entry name",
        ));
    }
    let location = xml::trimmed(location);
    if location.trim() != location {
        let detail = format!("{}: blanks that some readers drop", location.escape_debug());
        return Err(Refusal::new(FindingCode::RefPath, detail));
    }
    let location = location.replace('\\', "/");
    let base = if location.starts_with('/') {
        ""
    } else {
        folder
    };
    let mut segments: Vec<&str> = Vec::new();
    for segment in base.split('/').chain(location.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                if segments.pop().is_none() {
                    let detail = format!("{} leaves the package", location.escape_debug());
                    return Err(Refusal::new(FindingCode::RefPath, detail));
                }
            }
            _ => segments.push(segment),
        }
    }
    Ok(segments.join("/"))
}

/// Looks a location up: relative to each folder in order, then from the root.
///
/// # Errors
/// `REF_PATH` when the location, taken relative to the first folder, leaves the package.
pub fn resolve(
    package: &Package<'_>,
    folders: &[&str],
    location: &str,
) -> Result<Resolved, Refusal> {
    let first = folders.first().copied().unwrap_or_default();
    let mut resolved = Resolved {
        path: join(first, location)?,
        ..Resolved::default()
    };
    for folder in folders.iter().copied().chain([""]) {
        let Ok(path) = join(folder, location) else {
            continue;
        };
        let Some(found) = package.find(&path) else {
            continue;
        };
        if !resolved.files.contains(&found.file) {
            resolved.files.push(found.file);
            resolved.case_folded |= found.case_folded;
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(folder: &str, location: &str, expected: Option<&str>) {
        assert_eq!(join(folder, location).ok().as_deref(), expected);
    }

    #[test]
    fn locations_join_without_leaving_the_package() {
        check(
            "Doc_0",
            "Pages/Page_0/Content.xml",
            Some("Doc_0/Pages/Page_0/Content.xml"),
        );
        check(
            "Doc_0/Signs",
            "/Doc_0/Document.xml",
            Some("Doc_0/Document.xml"),
        );
        check("Doc_0/Signs", "../Document.xml", Some("Doc_0/Document.xml"));
        check(
            "Doc_0/Annots",
            ".\\Page_0\\Annot.xml",
            Some("Doc_0/Annots/Page_0/Annot.xml"),
        );
        check("Doc_0", "../../etc/passwd", None);
        check("", "/../x", None);
    }
}
