//! Names of metadata fields: GB/T 36903-2018 short names and what else stands for them in files.

/// The short name that a name in a file stands for: itself, the English name, or a variant seen
/// in files; letter case does not matter. None for a name the standard does not have.
#[must_use]
pub fn short_name(name: &str) -> Option<&'static str> {
    let names = |names: &[&'static str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    FIELDS
        .iter()
        .find(|aliases| names(aliases))
        .and_then(|aliases| aliases.first().copied())
}

/// Whether it is a short name of the standard, exactly, or an extension field `KZ_…`.
#[must_use]
pub fn is_short_name(name: &str) -> bool {
    is_extension(name) || FIELDS.iter().any(|aliases| aliases.first() == Some(&name))
}

/// Whether it names an extension field, `KZ_…`.
#[must_use]
pub fn is_extension(name: &str) -> bool {
    let rest = name.strip_prefix(EXTENSION_PREFIX);
    rest.is_some_and(|rest| !rest.is_empty())
}

/// 证照标识.
pub(super) const IDENTIFIER: &str = "ZZBS";
/// Begins the names of a type's own fields (GB/T 36903-2018).
pub(crate) const EXTENSION_PREFIX: &str = "KZ_";

/// Fields that are compared wherever a file and its entry both state them: a file that names
/// another licence, or another term, is never this licence's file.
pub(super) const ALWAYS_COMPARED: &[&str] = &[IDENTIFIER, "ZZYXQQSRQ", "ZZYXQJZRQ"];

/// Fields that an entry states.
pub(super) const FROM_ENTRY: &[&str] = &[
    "ZZMC",
    "ZZLXMC",
    "ZZLXDM",
    "ZZBH",
    IDENTIFIER,
    "ZZBFJG",
    "ZZBFJGDM",
    "ZZBFRQ",
    "CZZT",
    "CZZTDM",
    "CZZTDMLX",
    "CZZTDMLXDM",
    "ZZYXQQSRQ",
    "ZZYXQJZRQ",
    "GLZZBS",
];

/// Short name first, then what else is written for it: the English name, its shorter forms in
/// interfaces, and `…SJ` where the standard has `…RQ`.
const FIELDS: &[&[&str]] = &[
    &["ZZMC", "CertificateName"],
    &["ZZLXMC", "CertificateTypeName"],
    &["ZZLXDM", "CertificateTypeCode"],
    &["ZZBH", "CertificateNumber"],
    &[IDENTIFIER, "CertificateIdentifier"],
    &["ZZBFJG", "CertificateIssuingAuthorityName"],
    &["ZZBFJGDM", "CertificateIssuingAuthorityCode"],
    &["ZZBFJGJB", "CertificateIssuingAuthorityLevel"],
    &["ZZBFRQ", "ZZBFSJ", "CertificateIssuedDate"],
    &["CZZT", "CertificateHolderName"],
    &["CZZTDM", "CertificateHolderCode"],
    &["CZZTDMLX", "CertificateHolderTypeName"],
    &["CZZTDMLXDM", "CertificateHolderTypeCode"],
    &["ZZYXQQSRQ", "ZZYXQQSSJ", "CertificateEffectiveDate"],
    &["ZZYXQJZRQ", "ZZYXQJZSJ", "CertificateExpiringDate"],
    &["GLZZBS", "AssociatedZzeCertID"],
    &["JZJZZSJ", "JZJZZRQ", "CertificateCopyCreationTime"],
    &["JZJZZZ", "CertificateCopyCreator"],
    &["JZJZZSY", "CertificateCopyCause"],
    &["JZJYXQJZSJ", "JZJYXQJZRQ", "CertificateCopyExpiringTime"],
];
