//! The document's metadata (XMP, ISO 16684-1): whether they say the same apart from what every
//! program writes anew when it saves.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::pdf::limits;

/// Elements and attributes that saving sets.
const SET_BY_SAVING: [&str; 7] = [
    "ModifyDate",
    "MetadataDate",
    "Producer",
    "CreatorTool",
    "InstanceID",
    "VersionID",
    "History",
];

/// Whether two packets say the same; what cannot be read says nothing that is the same.
pub(super) fn say_the_same(one: &[u8], other: &[u8]) -> bool {
    one == other || facts(one).is_some_and(|facts_of_one| facts(other) == Some(facts_of_one))
}

/// What ends an element: text behind it is said of something else.
const END: &str = "/";

/// Everything that is said, in order; none when it cannot be read.
fn facts(packet: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(packet).ok()?;
    let mut reader = Reader::from_str(text);
    let (mut facts, mut skipped) = (Vec::new(), 0_usize);
    loop {
        let event = reader.read_event().ok()?;
        match event {
            Event::Eof => return Some(facts),
            Event::Start(start) if skipped > 0 || is_set_by_saving(&start) => skipped += 1,
            Event::Start(start) => take(&start, &mut facts)?,
            Event::Empty(start) if skipped == 0 && !is_set_by_saving(&start) => {
                take(&start, &mut facts)?;
                facts.push(END.to_owned());
            }
            Event::End(_) if skipped > 0 => skipped -= 1,
            Event::End(_) => facts.push(END.to_owned()),
            Event::Text(text) if skipped == 0 => {
                let text = text.xml10_content();
                let said = text.trim();
                facts.extend((!said.is_empty()).then(|| said.to_owned()));
            }
            Event::CData(_) | Event::GeneralRef(_) | Event::DocType(_) if skipped == 0 => {
                facts.push(format!("{event:?}"));
            }
            _ => {}
        }
        if facts.len() > limits::ITEMS {
            return None;
        }
    }
}

fn is_set_by_saving(start: &BytesStart<'_>) -> bool {
    SET_BY_SAVING.contains(&start.local_name().as_ref())
}

fn take(start: &BytesStart<'_>, facts: &mut Vec<String>) -> Option<()> {
    facts.push(start.name().as_ref().to_owned());
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        if !SET_BY_SAVING.contains(&attribute.key.local_name().into_inner()) {
            facts.push(format!("{}={}", attribute.key.0, attribute.value));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_saving_sets_may_differ() {
        let packet = |title: &str, date: &str| {
            format!(
                "<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description \
                 xmp:MetadataDate='{date}' dc:format='application/pdf'><dc:title>{title}\
                 </dc:title><xmp:ModifyDate>{date}</xmp:ModifyDate></rdf:Description>\
                 </x:xmpmeta><?xpacket end='w'?>"
            )
        };
        let same = |one: &str, other: &str| say_the_same(one.as_bytes(), other.as_bytes());
        assert!(same(&packet("a", "2026"), &packet("a", "2027")));
        assert!(!same(&packet("a", "2026"), &packet("b", "2026")));
        assert!(!same(&packet("a", "2026"), "<x"));
        assert!(!same("<y", "<x"));
    }

    #[test]
    fn the_same_words_in_other_places_say_something_else() {
        let packet = |inside: &str| format!("<x:xmpmeta><rdf:RDF>{inside}</rdf:RDF></x:xmpmeta>");
        let same =
            |one: &str, other: &str| say_the_same(packet(one).as_bytes(), packet(other).as_bytes());
        let title = "<dc:title>licence</dc:title><dc:rights>none</dc:rights>";
        assert!(same(title, title));
        assert!(same("<dc:title></dc:title>", "<dc:title/>"));
        for other in [
            "<dc:title/>licence<dc:rights>none</dc:rights>",
            "<dc:title>licence<dc:rights>none</dc:rights></dc:title>",
            "<dc:title>licence</dc:title><dc:rights/>none",
        ] {
            assert!(!same(title, other), "{other}");
        }
    }
}
