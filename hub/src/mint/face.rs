//! What is written on a licence: title, statement, labelled fields, issuer and date.

use chrono::{Datelike as _, NaiveDate};
use schemas::date::ValidUntil;
use schemas::entry::Entry;
use schemas::holder_type::{HolderCategory, HolderType};

/// Labels of the business fields (`KZ_…`) that sample licences carry, in the order of the face.
/// \[P\] profile: the keys follow the pinyin habit of GB/T 36903-2018 extension metadata.
const EXTENSION_LABELS: [(&str, &str); 10] = [
    ("KZ_FDDBR", "法定代表人"),
    ("KZ_ZCZB", "注册资本"),
    ("KZ_ZS", "住　　所"),
    ("KZ_JYFW", "经营范围"),
    ("KZ_XMMC", "项目名称"),
    ("KZ_JSDZ", "建设地址"),
    ("KZ_JSGM", "建设规模"),
    ("KZ_HTJG", "合同价格"),
    ("KZ_ZYLB", "专业类别"),
    ("KZ_PYDW", "聘用单位"),
];

/// The content of a licence's page, before it is placed.
pub(super) struct Face {
    /// Title: the licence's name.
    pub(super) title: String,
    /// Licence number, as printed beside the title.
    pub(super) number: String,
    /// Sentence under the title.
    pub(super) statement: String,
    /// Labelled fields in the order in which they are printed.
    pub(super) fields: Vec<Field>,
    /// Whether the holder's photo stands beside the fields.
    pub(super) photo: bool,
    /// Issuing authority.
    pub(super) issuer: String,
    /// Date of issue, `2024年05月20日`.
    pub(super) date: String,
}

/// One labelled field.
pub(super) struct Field {
    /// Label.
    pub(super) label: String,
    /// Value.
    pub(super) value: String,
    /// Whether it takes the whole width.
    pub(super) wide: bool,
}

impl Face {
    /// The face of one entry.
    pub(super) fn of(entry: &Entry) -> Self {
        let public = &entry.public;
        let mut fields = holder_fields(entry);
        let extension = EXTENSION_LABELS.iter().filter_map(|(key, label)| {
            entry
                .private
                .extension
                .get(*key)
                .map(|value| Field::new(label, value))
        });
        fields.extend(extension);
        fields.push(Field::new(
            "有效期限",
            &validity(public.valid_from, public.valid_until),
        ));
        Self {
            title: public.licence_name.clone(),
            number: entry.private.number.clone(),
            statement: format!(
                "根据有关法律、法规的规定，经审查，符合{}的颁发条件，特发此证。",
                public.type_name
            ),
            fields,
            photo: entry
                .private
                .holders
                .iter()
                .all(|holder| is_person(holder.code_type)),
            issuer: public.issuer_name.clone(),
            date: chinese_date(public.issued_on),
        }
    }
}

impl Field {
    /// A field; long values take the whole width.
    fn new(label: &str, value: &str) -> Self {
        const NARROW_CHARACTERS_MAX: usize = 12;
        Self {
            label: label.to_owned(),
            value: value.to_owned(),
            wide: value.chars().count() > NARROW_CHARACTERS_MAX,
        }
    }
}

/// `2024年05月20日`.
pub(super) fn chinese_date(date: NaiveDate) -> String {
    format!("{}年{:02}月{:02}日", date.year(), date.month(), date.day())
}

fn holder_fields(entry: &Entry) -> Vec<Field> {
    let mut fields = Vec::new();
    for holder in &entry.private.holders {
        let (name, code) = if is_person(holder.code_type) {
            ("姓　　名", "证件号码")
        } else {
            ("名　　称", "统一社会信用代码")
        };
        fields.push(Field {
            wide: true,
            ..Field::new(name, &holder.name)
        });
        fields.push(Field {
            wide: true,
            ..Field::new(code, &holder.code)
        });
    }
    fields
}

fn validity(from: Option<NaiveDate>, until: Option<ValidUntil>) -> String {
    let until = match until {
        Some(ValidUntil::Date(date)) => chinese_date(date),
        Some(ValidUntil::LongTerm) | None => "长期".to_owned(),
    };
    match from {
        Some(from) => format!("{}至{until}", chinese_date(from)),
        None => until,
    }
}

fn is_person(kind: HolderType) -> bool {
    kind.category() == HolderCategory::Person
}
