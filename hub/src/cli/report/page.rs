//! The page of `hub verify --html`: what was found, for a reader who is no engineer, in Chinese and
//! English, in one file that needs nothing else – no script, no font, no network.
//!
//! Everything that a file says goes through `Markup`, which escapes it; everything that the
//! program says comes from the catalogue or stands here and in the parts, in both languages.

use certs::trust::TrustStore;
use chrono::{DateTime, Utc};
use schemas::date::SHANGHAI;
use schemas::verdict::{FileKind, Profile, Verdict};

use super::banner::{Look, banner};
use super::markup::Markup;
use super::says::{self, Says};
use super::{appendix, findings, signatures};

const CSS: &str = include_str!("page.css");

/// Nothing may be loaded or run, whatever a file brings with it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'";

/// What was verified, against what.
pub struct Page<'a> {
    /// The moment for which the verdicts hold.
    pub at: DateTime<Utc>,
    /// What was trusted.
    pub trust: &'a TrustStore,
    /// The files, in the order in which they were named.
    pub files: &'a [FileReport],
}

/// One file.
pub struct FileReport {
    /// Its path, as it was named.
    pub name: String,
    /// What came out, or why it could not be read.
    pub result: Result<Verified, String>,
}

/// A file that could be read.
pub struct Verified {
    /// Its length in bytes.
    pub bytes: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// What it says to its reader; none where that is not looked for.
    pub says: Option<Says>,
}

/// Both languages: Chinese, English.
pub(super) type Words = (&'static str, &'static str);

impl Page<'_> {
    /// The page as one HTML document, which is well-formed XML too.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut page = Markup::new();
        page.with("html", &[("lang", "zh-CN")], |html| {
            html.element("head", |head| self.head(head));
            html.element("body", |body| {
                language_switch(body);
                body.element("main", |main| self.main(main));
            });
        });
        page.finish()
    }

    fn head(&self, head: &mut Markup) {
        head.empty("meta", &[("charset", "utf-8")]);
        let policy = [
            ("http-equiv", "Content-Security-Policy"),
            ("content", POLICY),
        ];
        head.empty("meta", &policy);
        let viewport = [
            ("name", "viewport"),
            ("content", "width=device-width, initial-scale=1"),
        ];
        head.empty("meta", &viewport);
        head.element("title", |title| {
            title.text("电子证照验证报告 · Verification report");
            if let [one] = self.files {
                title.text(" · ");
                title.text(&super::markup::shortened(base_name(&one.name), 80));
            }
        });
        head.style(CSS);
    }

    fn main(&self, main: &mut Markup) {
        main.both_in("h1", "电子证照验证报告", "Verification report");
        main.classed("p", "dim", |p| {
            let at = beijing(self.at);
            let zh = format!("按北京时间 {at} 的情况判断；由 License Hub 验证程序在本机生成。");
            let en = format!("As of {at}, Beijing time; made on this computer by License Hub.");
            p.both(&zh, &en);
        });
        if self.files.len() > 1 {
            self.contents(main);
        }
        for (number, file) in self.files.iter().enumerate() {
            self.file(main, number, file);
        }
        main.element("footer", closing_words);
    }

    /// All files at a glance, the way to each.
    fn contents(&self, main: &mut Markup) {
        let count = self.files.len();
        let (zh, en) = (format!("{count} 个文件"), format!("{count} files"));
        main.both_in("h2", &zh, &en);
        main.element("table", |table| {
            head_row(table, &[("结论", "Verdict"), ("文件", "File")]);
            table.element("tbody", |rows| {
                for (number, file) in self.files.iter().enumerate() {
                    rows.element("tr", |row| {
                        let look = Look::of(file);
                        row.element("td", |cell| look.mark(cell));
                        row.element("td", |cell| {
                            let address = format!("#file-{}", number + 1);
                            cell.with("a", &[("href", &address)], |link| link.given(&file.name));
                        });
                    });
                }
            });
        });
    }

    fn file(&self, main: &mut Markup, number: usize, file: &FileReport) {
        let id = format!("file-{}", number + 1);
        let title = format!("{id}-title");
        let attributes = [
            ("class", "file"),
            ("id", id.as_str()),
            ("aria-labelledby", title.as_str()),
        ];
        main.with("section", &attributes, |section| {
            section.with("h2", &[("id", title.as_str())], |h2| {
                h2.both("文件：", "File: ");
                h2.given(base_name(&file.name));
            });
            banner(section, file);
            match &file.result {
                Err(cause) => section.classed("p", "detail", |p| p.given(cause)),
                Ok(verified) => {
                    signatures::write(section, &verified.verdict);
                    findings::problems(section, &verified.verdict);
                    signatures::changes(section, &verified.verdict);
                    findings::warnings(section, &verified.verdict);
                    if let Some(says) = &verified.says {
                        says::write(section, says);
                    }
                    findings::every_check(section, &verified.verdict);
                    appendix::write(section, self, file, verified);
                }
            }
        });
    }
}

/// A time as a clerk reads it; the zone is named beside it.
pub(super) fn beijing(time: DateTime<Utc>) -> String {
    let local = time.with_timezone(&SHANGHAI);
    local.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The head of a table.
pub(super) fn head_row(table: &mut Markup, columns: &[Words]) {
    table.element("thead", |head| {
        head.element("tr", |row| {
            for (zh, en) in columns {
                row.with("th", &[("scope", "col")], |cell| cell.both(zh, en));
            }
        });
    });
}

/// The last part of a path: folders say something about this computer, not about the file.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// Which language is shown, without scripts: what is chosen here rules what follows.
fn language_switch(body: &mut Markup) {
    let choices = [
        ("zh", "zh-CN", "中文"),
        ("en", "en", "English"),
        ("both", "zh-CN", "中英对照 Both"),
    ];
    for (id, language, name) in choices {
        let mut attributes = vec![("type", "radio"), ("name", "language"), ("id", id)];
        if id == "zh" {
            attributes.push(("checked", "checked"));
        }
        body.empty("input", &attributes);
        body.with("label", &[("for", id), ("lang", language)], |label| {
            label.text(name);
        });
    }
}

/// What the three verdicts mean, and what this page is and is not.
fn closing_words(footer: &mut Markup) {
    footer.both_in("h2", "说明", "About this page");
    footer.element("ul", |list| {
        list.both_in(
            "li",
            "有效：应做的检查全部通过。无效：文件被改动、伪造，或与已知事实矛盾。不能确定：没有发现矛盾，但证据不足。",
            "Valid: all checks that are needed passed. Not valid: changed, forged, or contradicted \
             by what is known. Cannot be determined: nothing contradicts it, but evidence is \
             missing.",
        );
        list.both_in(
            "li",
            "验证的是电子文件本身。打印件、截图、照片无法验证；请以电子文件为准。",
            "The electronic file was verified. Prints, screenshots and photographs cannot be: the \
             electronic file counts.",
        );
        list.both_in(
            "li",
            "印章有效不等于证照仍然有效：证照可能已到期、注销或换发，请查询证照目录。",
            "A good seal does not mean that the licence is still in force: it may have expired, \
             been cancelled or replaced. Look it up in the directory.",
        );
        list.both_in(
            "li",
            "本页没有签名，任何人都可以修改，不能代替对文件的验证。用附录中的文件指纹（SM3）可核对它说的是哪个文件，并可随时重新验证。",
            "This page is not signed, and anybody could alter it: it does not stand for the file. \
             By the fingerprint (SM3) in the appendix you know which file it is about, and can \
             verify that again.",
        );
    });
}

/// The kind of a file in words.
pub(super) fn kind_words(kind: FileKind) -> Words {
    match kind {
        FileKind::Ofd => ("OFD 版式文件（GB/T 33190）", "OFD (GB/T 33190)"),
        FileKind::Pdf => ("PDF 文件（ISO 32000）", "PDF (ISO 32000)"),
        FileKind::Unknown => ("不是 OFD，也不是 PDF", "neither OFD nor PDF"),
    }
}

/// What the profile means.
pub(super) fn profile_words(profile: Profile) -> Words {
    match profile {
        Profile::Licence => (
            "licence（证照）：签名之后只允许追加验证数据、时间戳和其他签名",
            "licence: after signing only validation data, timestamps and further signatures",
        ),
        Profile::General => (
            "general（通用）：按 ETSI 与 ISO 的规则",
            "general: the rules of ETSI and ISO",
        ),
    }
}
