//! The way of one licence over HTTP, on its home node: lookup, permit, file, trail, status.

use axum::http::header::{
    ACCEPT, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use certs::mint::pki::DevelopmentPki;
use schemas::region::ProvinceCode;

use super::*;
use crate::config::{PeerConfig, PeerKeys};
use crate::mint::{Format, LibraryItem, LibraryPlan, mint_library, write_library};
use crate::node::node_keys;
use crate::permits::Duty;

pub(super) const MATTER: &str = "330100-001";

pub(super) struct Home {
    pub(super) node: TestNode,
    pub(super) items: Vec<LibraryItem>,
}

impl Home {
    /// A province's node whose library has three licences, two of them with a file.
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = SystemClock.now();
        let pki = DevelopmentPki::mint("test", now - chrono::Duration::days(1)).expect("a PKI");
        pki.save(folder.path(), &[], now).expect("trust folder");
        let plan = LibraryPlan {
            province: ProvinceCode::parse("33").expect("Zhejiang"),
            licences: 3,
            files: 2,
            seed: 7,
            formats: vec![Format::default(), Format::PdfSm2],
            spoil: None,
            scan_bytes: 0,
            at: now,
        };
        let (items, _) = mint_library(&plan, &pki).expect("a library");
        write_library(&folder.path().join("library"), &items).expect("a library");
        let config = home_config(folder.path(), &items);
        let node = TestNode::start_with(folder, config).await;
        crate::directory::register_source(&node.running.node)
            .await
            .expect("registered");
        Self { node, items }
    }

    pub(super) fn address(&self, number: usize) -> String {
        format!("/v1/licences/{}", self.items[number].entry.identifier)
    }

    pub(super) async fn permit(&self, number: usize, matter: &str) -> Answer {
        let mut wanted = purpose();
        wanted["matter_code"] = json!(matter);
        let identifier = self.items[number].entry.identifier.as_str();
        let wanted = json!({ "identifier": identifier, "purpose": wanted }).to_string();
        self.node
            .ask(request("POST", "/v1/permits", ALL, wanted))
            .await
    }

    async fn file(&self, address: &str, more: &[(HeaderName, &str)]) -> (StatusCode, Parts) {
        let mut asked = request("GET", address, ALL, "");
        for (name, value) in more {
            asked
                .headers_mut()
                .insert(name, value.parse().expect("a header"));
        }
        let answer = routes(self.node.shared())
            .oneshot(asked)
            .await
            .expect("infallible");
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        (
            parts.status,
            Parts {
                headers: parts.headers,
                bytes,
            },
        )
    }
}

struct Parts {
    headers: http::HeaderMap,
    bytes: bytes::Bytes,
}

impl Parts {
    fn header(&self, name: impl AsRef<str>) -> &str {
        let value = self
            .headers
            .get(name.as_ref())
            .map(|value| value.to_str().expect("text"));
        value.unwrap_or_default()
    }
}

pub(super) fn home_config(folder: &Path, items: &[LibraryItem]) -> NodeConfig {
    let (data, trust) = (folder.join("zhejiang"), folder.join("trust"));
    let mut config = NodeConfig::new("zhejiang", Role::Province, "national", &data, &trust);
    config.regions = vec!["33".to_owned()];
    config.source = Some(folder.join("library"));
    config.peers = vec![PeerConfig {
        name: "national".to_owned(),
        keys: PeerKeys::Inline(node_keys(&folder.join("national")).expect("keys").public()),
        role: Role::National,
        regions: Vec::new(),
    }];
    config.callers = callers();
    config.duties = vec![Duty {
        organisation: Uscc::parse(ORGANISATION).expect("valid"),
        matter: MATTER.to_owned(),
        licence_types: items
            .iter()
            .map(|item| item.entry.type_code.clone())
            .collect(),
    }];
    config
}

#[tokio::test]
async fn a_licence_is_looked_up_with_its_personal_part_by_role() {
    let home = Home::start().await;
    let shown = home
        .node
        .ask(request("GET", &home.address(0), ALL, ""))
        .await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert_eq!(shown.headers["age"], "0");
    assert_eq!(shown.headers["x-hub-source"], "own-store");
    let body = shown.json();
    assert_eq!(body["status"]["code"], "01");
    assert_eq!(body["rule"], "lookup-role");
    assert_eq!(body["in_force"], true);
    let number = &home.items[0].entry.number;
    assert_eq!(body["private"]["number"], json!(number));

    let hidden = home
        .node
        .ask(request("GET", &home.address(0), NONE, ""))
        .await;
    assert_eq!(hidden.status, StatusCode::OK);
    assert_eq!(hidden.json()["rule"], "default-deny");
    assert!(
        !hidden.text.contains(number),
        "the personal part is shown without a role"
    );
}

#[tokio::test]
async fn a_file_is_delivered_under_a_permit_with_verdict_range_and_tag() {
    let home = Home::start().await;
    let permit = home.permit(0, MATTER).await;
    assert_eq!(permit.status, StatusCode::CREATED, "{}", permit.text);
    assert_eq!(permit.json()["rule"], "duty-matter-type");
    let id = permit.json()["id"].as_str().expect("an id").to_owned();
    let address = format!("{}/file?permit={id}", home.address(0));

    let (status, whole) = home.file(&address, &[]).await;
    assert_eq!(status, StatusCode::OK, "{:?}", whole.bytes);
    let original = home.items[0].file.as_deref().expect("a file");
    assert_eq!(whole.bytes, original);
    assert_eq!(whole.header(CONTENT_TYPE), "application/ofd");
    let name = format!(
        "attachment; filename=\"{}.ofd\"",
        home.items[0].entry.identifier
    );
    assert_eq!(whole.header("content-disposition"), name);
    assert_eq!(whole.header("x-hub-verdict"), "valid");
    let tag = format!("\"sm3:{}\"", hex::encode(certs::digest::sm3(original)));
    assert_eq!(whole.header(ETAG), tag);
    assert!(whole.header("content-digest").starts_with("sha-256=:"));

    let (status, part) = home.file(&address, &[(RANGE, "bytes=2-5")]).await;
    assert_eq!(status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes, original[2..6]);
    assert_eq!(
        part.header(CONTENT_RANGE),
        format!("bytes 2-5/{}", original.len())
    );
    assert_ne!(part.header("content-digest"), part.header("repr-digest"));
    assert_eq!(part.header("repr-digest"), whole.header("content-digest"));
    let (status, _) = home.file(&address, &[(RANGE, "bytes=99999999-")]).await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);

    // A range of another file than the client has a part of: the whole file (RFC 9110 §13.1.5).
    let of = |tag| [(RANGE, "bytes=2-5"), (IF_RANGE, tag)];
    let (status, _) = home.file(&address, &of("\"sm3:00\"")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = home.file(&address, &of(&tag)).await;
    assert_eq!(status, StatusCode::PARTIAL_CONTENT);

    let (status, known) = home.file(&address, &[(IF_NONE_MATCH, tag.as_str())]).await;
    assert_eq!(status, StatusCode::NOT_MODIFIED);
    assert!(known.bytes.is_empty());
    let (_, verdict) = home.file(&address, &[(ACCEPT, "application/json")]).await;
    let verdict: Value = serde_json::from_slice(&verdict.bytes).expect("a verdict");
    assert_eq!(verdict["verdict"], "valid");
    assert!(
        !verdict["signatures"][0]["checks"]
            .as_array()
            .expect("checks")
            .is_empty()
    );
}

#[tokio::test]
async fn a_permit_is_for_its_caller_and_its_licence_alone() {
    let home = Home::start().await;
    let denied = home.permit(0, "330100-002").await;
    check_problem(&denied, 403, "PERMIT_DENIED");
    assert_eq!(denied.json()["rule"], "default-deny");

    let permit = home.permit(0, MATTER).await.json();
    let id = permit["id"].as_str().expect("an id").to_owned();
    let other_licence = format!("{}/file?permit={id}", home.address(1));
    let refused = home.node.ask(request("GET", &other_licence, ALL, "")).await;
    check_problem(&refused, 403, "PERMIT_UNKNOWN");
    let without_file = home.permit(2, MATTER).await.json();
    let id = without_file["id"].as_str().expect("an id").to_owned();
    let address = format!("{}/file?permit={id}", home.address(2));
    check_problem(
        &home.node.ask(request("GET", &address, ALL, "")).await,
        404,
        "NO_FILE",
    );
}

#[tokio::test]
async fn an_auditor_reads_the_trail_with_proofs() {
    let home = Home::start().await;
    home.permit(0, "330100-002").await;
    let trail = home
        .node
        .ask(request(
            "GET",
            &format!("{}/trail", home.address(0)),
            ALL,
            "",
        ))
        .await;
    assert_eq!(trail.status, StatusCode::OK, "{}", trail.text);
    let body = trail.json();
    let items = body["items"].as_array().expect("items");
    let done: Vec<&str> = items
        .iter()
        .filter_map(|item| item["leaf"]["activity"].as_str())
        .collect();
    assert_eq!(done, ["register", "lookup", "permit"]);
    assert_eq!(items[2]["leaf"]["result"], "PERMIT_DENIED");
    assert_eq!(items[2]["leaf"]["permit"]["rule"], "default-deny");
    let proof = format!("/v1/log/proofs/{}", items[2]["index"]);
    let proof = home.node.ask(request("GET", &proof, ALL, "")).await;
    assert!(
        proof.text.starts_with("c2sp.org/tlog-proof@v1"),
        "{}",
        proof.text
    );
    let beyond = home
        .node
        .ask(request("GET", "/v1/log/proofs/999999", ALL, ""))
        .await;
    check_problem(&beyond, 404, "NOT_FOUND");
}
