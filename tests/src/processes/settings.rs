//! The configuration of a node, as its operator would write it.

use std::fmt::Write as _;

use schemas::licence_type::LicenceTypes;
use serde_json::{Value, json};

use super::{OPERATOR_TOKEN, PLACES, Processes, keys_folder, library};
use crate::{MATTER, NATIONAL, SICHUAN, TOKEN, organisation};

/// The configuration of a node. Texts and lists of JSON are also texts and lists of TOML.
pub(super) fn settings(hub: &Processes, name: &str) -> String {
    let folder = hub.folder.path();
    let mut text = String::from("listen = \"127.0.0.1:0\"\n\n[node]\n");
    let mut line = |name: &str, value: Value| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name} = {value}");
    };
    line("name", json!(name));
    line("national", json!(NATIONAL));
    line("data", json!(folder.join(name)));
    line("trust", json!(folder.join("trust")));
    for (other, region) in PLACES {
        let role = if other == NATIONAL {
            "national"
        } else {
            "province"
        };
        let regions: Vec<&str> = region.into_iter().collect();
        if other == name {
            line("role", json!(role));
            line("regions", json!(regions));
            if region.is_some() {
                line("source", json!(library(folder, name)));
            }
        }
    }
    for (other, region) in PLACES.iter().filter(|(other, _)| *other != name) {
        let role = if *other == NATIONAL {
            "national"
        } else {
            "province"
        };
        let regions: Vec<&str> = region.iter().copied().collect();
        line("[[node.peers]]\nname", json!(other));
        line(
            "keys",
            json!(keys_folder(folder).join(format!("{other}.node.json"))),
        );
        line("role", json!(role));
        line("regions", json!(regions));
    }
    let mut caller = |system: &str, token: &str, roles: &[&str]| {
        let digest = hex::encode(certs::digest::sm3(token.as_bytes()));
        line("[[node.callers]]\nsystem", json!(system));
        line("organisation", json!(organisation()));
        line("token_sm3", json!(digest));
        line("roles", json!(roles));
    };
    caller(
        "operators",
        OPERATOR_TOKEN,
        &["lookup", "auditor", "registrar"],
    );
    if name == SICHUAN {
        caller("service-desk", TOKEN, &["lookup", "use", "verify"]);
        let types = LicenceTypes::builtin();
        let fictitious = types.iter().filter(|one| one.fixture);
        let types: Vec<_> = fictitious.map(|one| one.code.clone()).collect();
        line("[[node.duties]]\norganisation", json!(organisation()));
        line("matter", json!(MATTER));
        line("licence_types", json!(types));
    }
    let own_way = hub.sichuan_engines.as_ref().filter(|_| name == SICHUAN);
    let engines = own_way.unwrap_or(&hub.engines);
    let brokers: Vec<&str> = engines.kafka.split(',').collect();
    line("[node.bus]\nkind", json!("kafka"));
    line("brokers", json!(brokers));
    line("prefix", json!(hub.prefix));
    line("security", json!("plaintext"));
    line("[node.store]\nkind", json!("postgres"));
    line("url", json!(engines.database(&hub.database_name(name))));
    text
}
