//! What was acknowledged, one line of JSON for each, written before the next request is sent.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};

pub(crate) struct History {
    path: PathBuf,
    file: Mutex<File>,
}

/// One acknowledged change.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) identifier: String,
    pub(crate) revision: u64,
    pub(crate) status: String,
}

impl History {
    pub(crate) fn create(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: Mutex::new(File::create(path).unwrap()),
        }
    }

    pub(crate) fn acknowledge(&self, change: &Acknowledged) {
        let line = json!({
            "identifier": change.identifier,
            "revision": change.revision,
            "status": change.status,
        });
        writeln!(self.file.lock().unwrap(), "{line}").unwrap();
    }

    /// Everything, read from the file.
    pub(crate) fn read(&self) -> Vec<Acknowledged> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        let lines = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            Acknowledged {
                identifier: line["identifier"].as_str().unwrap().to_owned(),
                revision: line["revision"].as_u64().unwrap(),
                status: line["status"].as_str().unwrap().to_owned(),
            }
        });
        lines.collect()
    }
}
