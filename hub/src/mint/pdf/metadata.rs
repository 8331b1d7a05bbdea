//! The licence's metadata as an XMP packet (ISO 16684-1:2019), see `schemas::pdf::metadata`.

use schemas::entry::Entry;
use schemas::metadata::Metadata;
use schemas::pdf::metadata::NAMESPACE;

use super::super::face::Face;
use super::super::ofd::escape;

/// The packet.
pub(super) fn packet(entry: &Entry, face: &Face) -> String {
    let fields: String = Metadata::from_entry(entry)
        .iter()
        .filter(|(name, _)| is_element_name(name))
        .map(|(name, value)| format!("<zz:{name}>{}</zz:{name}>\n", escape(value)))
        .collect();
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n\
         <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:zz=\"{NAMESPACE}\">\n\
         <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{title}</rdf:li></rdf:Alt></dc:title>\n\
         <dc:creator><rdf:Seq><rdf:li>{issuer}</rdf:li></rdf:Seq></dc:creator>\n\
         {fields}</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>",
        title = escape(&face.title),
        issuer = escape(&face.issuer),
    )
}

/// Extension fields have the names that their type gives them; few of those that are possible
/// are names of XML.
fn is_element_name(name: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(is_inside)
}
