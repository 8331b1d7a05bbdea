//! A province's licences as sample data: valid codes, nobody real.
//!
//! Companies are numbered test companies, people carry 样例 in their name, and citizen numbers
//! are computed over a county code `00` that is never given out.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, Months, NaiveDate};
use schemas::citizen_id::CitizenId;
use schemas::date::ValidUntil;
use schemas::entry::{Holder, SourceEntry};
use schemas::holder_type::{HolderCategory, HolderType};
use schemas::identifier::Identifier;
use schemas::licence_type::{LicenceType, LicenceTypes};
use schemas::region::{ProvinceCode, RegionCode};
use schemas::status::LicenceStatus;
use schemas::uscc::Uscc;

use super::MintError;

/// First day on which a sample licence may be issued.
const FIRST_ISSUE: NaiveDate = match NaiveDate::from_ymd_opt(2022, 1, 4) {
    Some(date) => date,
    None => NaiveDate::MIN,
};
/// Days after that among which issue dates are spread: all before 2025.
const ISSUE_DAYS: u64 = 1_080;
/// Every so many-th licence is cancelled.
const CANCELLED_EVERY: usize = 40;
/// Every so many-th licence has no end.
const LONG_TERM_EVERY: usize = 3;
/// Surnames of sample people.
const SURNAMES: [&str; 8] = ["张", "李", "王", "赵", "陈", "刘", "杨", "周"];
/// Numbers of sample people, as the heavenly stems.
const STEMS: [&str; 10] = ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸"];
/// Trades of sample companies.
const TRADES: [&str; 4] = ["建设工程", "食品", "科技", "装饰装修"];

/// `count` licences of fictitious types in one province, always the same for one `seed`. None of
/// them names a file yet.
///
/// # Errors
/// [`MintError::Sample`] when the registry has no fictitious type or a code cannot be computed.
pub fn sample_entries(
    count: usize,
    province: ProvinceCode,
    seed: u64,
) -> Result<Vec<SourceEntry>, MintError> {
    let types = LicenceTypes::builtin();
    let fixtures: Vec<&LicenceType> = types.iter().filter(|one| one.fixture).collect();
    let mut random = Random(seed ^ province_number(province));
    (0..count)
        .map(|number| {
            let licence_type = fixtures
                .get(number % fixtures.len().max(1))
                .ok_or_else(|| MintError::Sample("no fictitious licence type".to_owned()))?;
            sample_entry(number, licence_type, province, &mut random)
        })
        .collect()
}

fn sample_entry(
    number: usize,
    licence_type: &LicenceType,
    province: ProvinceCode,
    random: &mut Random,
) -> Result<SourceEntry, MintError> {
    let region = RegionCode::parse(&format!("{province}0100")).map_err(sample_error)?;
    let (issuer_name, issuer_code) = issuer(licence_type, province)?;
    let issued_on = FIRST_ISSUE
        .checked_add_days(Days::new(random.below(ISSUE_DAYS)))
        .unwrap_or(FIRST_ISSUE);
    let serial = format!("{:04}{province}{:010}", issued_on.year(), number + 1);
    let type_code = licence_type.code.as_str();
    let identifier =
        Identifier::build(type_code, issuer_code.as_str(), &serial, 1).map_err(sample_error)?;
    let holder = holder(number, licence_type, province, random)?;
    let years = 3 + u32::try_from(random.below(3)).unwrap_or(0);
    let until = issued_on
        .checked_add_months(Months::new(12 * (years + 5)))
        .and_then(|day| day.pred_opt())
        .map_or(ValidUntil::LongTerm, ValidUntil::Date);
    Ok(SourceEntry {
        identifier,
        licence_name: licence_type.name.clone(),
        type_name: licence_type.name.clone(),
        type_code: licence_type.code.clone(),
        issuer_name,
        issuer_code: issuer_code.as_str().to_owned(),
        issued_on,
        valid_from: Some(issued_on),
        valid_until: Some(if number.is_multiple_of(LONG_TERM_EVERY) {
            ValidUntil::LongTerm
        } else {
            until
        }),
        region,
        status: if number % CANCELLED_EVERY == CANCELLED_EVERY - 1 {
            LicenceStatus::Cancelled
        } else {
            LicenceStatus::Valid
        },
        related: None,
        extension: extension(number, licence_type, &holder, province, random),
        number: format!(
            "{province}样字〔{}〕第{:06}号",
            issued_on.year(),
            number + 1
        ),
        holders: vec![holder],
        file: None,
    })
}

/// The authority that issues a type in a province: name and credit code.
fn issuer(licence_type: &LicenceType, province: ProvinceCode) -> Result<(String, Uscc), MintError> {
    let (office, number) = match (licence_type.holder_category, licence_type.name.as_str()) {
        (_, name) if name.contains("施工") => ("住房和城乡建设局", 1),
        (_, name) if name.contains("食品") => ("市场监督管理局", 2),
        (HolderCategory::Person, _) => ("人力资源和社会保障局", 3),
        _ => ("行政审批局", 4),
    };
    let name = format!("{}样例市{office}", province.name_zh());
    let code = Uscc::build(&format!("11{province}0100"), &format!("MB9900{number:02}"));
    Ok((name, code.map_err(sample_error)?))
}

fn holder(
    number: usize,
    licence_type: &LicenceType,
    province: ProvinceCode,
    random: &mut Random,
) -> Result<Holder, MintError> {
    let person = match licence_type.holder_category {
        HolderCategory::Person => true,
        HolderCategory::Organisation => false,
        HolderCategory::Mixed | HolderCategory::Other => number.is_multiple_of(2),
    };
    if person {
        let born = NaiveDate::from_ymd_opt(1970, 1, 1)
            .and_then(|day| day.checked_add_days(Days::new(random.below(10_000))))
            .unwrap_or(FIRST_ISSUE);
        let sequence = u16::try_from(number % 1_000).unwrap_or(0);
        // County 00 is never given out, so nobody has this number.
        let code = CitizenId::build(&format!("{province}0000"), born, sequence);
        let code = code.map_err(sample_error)?.as_str().to_owned();
        let name = person_name(number);
        return Ok(Holder {
            name,
            code,
            code_type: HolderType::CitizenId,
        });
    }
    let code = Uscc::build(
        &format!("91{province}0100"),
        &format!("MA{:06}", number % 1_000_000),
    );
    let trade = pick(&TRADES, number);
    let place = province.name_zh();
    Ok(Holder {
        name: format!("{place}测试{trade}企业{:04}有限公司", number + 1),
        code: code.map_err(sample_error)?.as_str().to_owned(),
        code_type: HolderType::UnifiedSocialCreditCode,
    })
}

/// Business fields by kind of licence.
fn extension(
    number: usize,
    licence_type: &LicenceType,
    holder: &Holder,
    province: ProvinceCode,
    random: &mut Random,
) -> BTreeMap<String, String> {
    let place = province.name_zh();
    let address = format!("{place}样例市测试区样例路{}号", 1 + random.below(400));
    let mut fields = BTreeMap::new();
    let mut put = |key: &str, value: String| fields.insert(key.to_owned(), value);
    if licence_type.name.contains("施工") {
        put(
            "KZ_XMMC",
            format!("样例市测试安置房建设工程（第{}期）", 1 + random.below(6)),
        );
        put("KZ_JSDZ", address);
        put(
            "KZ_JSGM",
            format!("{}平方米", 8_000 + 100 * random.below(900)),
        );
        put(
            "KZ_HTJG",
            format!(
                "{}.{:02}万元",
                1_000 + random.below(9_000),
                random.below(100)
            ),
        );
    } else if holder.code_type.category() == HolderCategory::Person {
        put(
            "KZ_ZYLB",
            pick(&["建筑工程", "市政公用工程", "机电工程"], number).to_owned(),
        );
        put(
            "KZ_PYDW",
            format!(
                "{place}测试建设工程企业{:04}有限公司",
                1 + random.below(500)
            ),
        );
    } else {
        put("KZ_FDDBR", person_name(number + 3));
        put(
            "KZ_ZCZB",
            format!("{}万元人民币", 50 * (1 + random.below(100))),
        );
        put("KZ_ZS", address);
        put(
            "KZ_JYFW",
            "食品销售（含冷藏冷冻食品）、热食类食品制售；技术开发、技术咨询。".to_owned(),
        );
    }
    fields
}

fn person_name(number: usize) -> String {
    let stem = number / SURNAMES.len();
    format!("{}样例{}", pick(&SURNAMES, number), pick(&STEMS, stem))
}

fn pick<'a>(list: &[&'a str], number: usize) -> &'a str {
    list.get(number % list.len().max(1))
        .copied()
        .unwrap_or_default()
}

fn province_number(province: ProvinceCode) -> u64 {
    province.to_string().parse().unwrap_or(0)
}

fn sample_error(cause: impl std::fmt::Display) -> MintError {
    MintError::Sample(cause.to_string())
}

/// `SplitMix64`: small, and the same on every machine. Not for secrets.
struct Random(u64);

impl Random {
    /// A number below `limit`, or 0 when that is 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or(0)
    }
}
