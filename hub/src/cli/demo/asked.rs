//! What the operators of the nodes read over HTTP: receipts, rejections, trails.

use std::collections::BTreeMap;

use anyhow::Context;
use connectors::client::Client;
use http::Method;
use schemas::identifier::Identifier;
use schemas::leaf::Leaf;
use schemas::message::{DirectoryReceipt, ReceiptOutcome, ReceiptReason};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::cast::Player;
use crate::cli::trail::Found;
use crate::prove::{self, TrustedNodes, Voucher};

/// The receipts of a home node, read as they come: the newest per licence counts.
#[derive(Default)]
pub(super) struct Receipts {
    after: i64,
    newest: BTreeMap<String, (u64, ReceiptOutcome)>,
}

/// Something in a quality queue.
#[derive(Deserialize)]
pub(super) struct Rejected {
    pub(super) identifier: Option<String>,
    pub(super) source_line: Option<u64>,
    pub(super) reasons: Vec<ReceiptReason>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<i64>,
}

#[derive(Deserialize)]
struct TrailPage {
    items: Vec<TrailItem>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct TrailItem {
    index: u64,
    leaf: Box<RawValue>,
    proof: String,
}

impl Receipts {
    /// Reads what came since the last full page.
    ///
    /// # Errors
    /// The node refuses or is not reached.
    pub(super) async fn read(&mut self, operator: &Client) -> anyhow::Result<()> {
        loop {
            let path = format!("/v1/receipts?after={}", self.after);
            let page: Page<DirectoryReceipt> = read(operator, &path).await?;
            for receipt in page.items {
                let found = (receipt.revision, receipt.outcome);
                let newest = self.newest.entry(receipt.identifier).or_insert(found);
                if newest.0 <= found.0 {
                    *newest = found;
                }
            }
            match page.next {
                Some(next) => self.after = next,
                None => return Ok(()),
            }
        }
    }

    /// How many licences have a receipt.
    pub(super) fn licences(&self) -> usize {
        self.newest.len()
    }

    /// How many licences have this answer.
    pub(super) fn count(&self, outcome: ReceiptOutcome) -> usize {
        self.newest
            .values()
            .filter(|(_, found)| *found == outcome)
            .count()
    }
}

/// The first rejections of a node's quality queue, and whether there are more.
///
/// # Errors
/// The node refuses or is not reached.
pub(super) async fn rejections(
    operator: &Client,
    limit: u32,
) -> anyhow::Result<(Vec<Rejected>, bool)> {
    let path = format!("/v1/rejections?limit={}", limit + 1);
    let mut page: Page<Rejected> = read(operator, &path).await?;
    let shown = usize::try_from(limit)?;
    let are_more = page.items.len() > shown;
    page.items.truncate(shown);
    Ok((page.items, are_more))
}

/// The trail of a licence over these nodes, by time, each line checked against its node's keys.
///
/// # Errors
/// A node refuses, is not reached, or gives a leaf that cannot be read.
pub(super) async fn trail(
    players: [&Player; 3],
    identifier: &Identifier,
    trusted: &TrustedNodes,
) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for player in players {
        let mut from = 0;
        loop {
            let path = format!("/v1/licences/{identifier}/trail?from={from}");
            let page: TrailPage = read(&player.operator, &path).await?;
            for item in page.items {
                found.push(checked(&player.name, item, trusted)?);
            }
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
    }
    found.sort_by(|left, right| {
        (left.leaf.at, &left.node, left.index).cmp(&(right.leaf.at, &right.node, right.index))
    });
    Ok(found)
}

fn checked(node: &str, item: TrailItem, trusted: &TrustedNodes) -> anyhow::Result<Found> {
    let bytes = item.leaf.get().as_bytes().to_vec();
    let leaf: Leaf = serde_json::from_slice(&bytes).context("a leaf")?;
    // What is shown must be what the proof is about.
    let is_proven = prove::verify(&item.proof, trusted)
        .is_ok_and(|proven| matches!(proven.voucher, Voucher::Node(_)) && proven.leaf == leaf);
    Ok(Found {
        node: node.to_owned(),
        index: item.index,
        leaf,
        bytes,
        proof: item.proof,
        is_proven,
    })
}

async fn read<T: DeserializeOwned>(operator: &Client, path: &str) -> anyhow::Result<T> {
    let (_, _, bytes) = operator.request_bytes(Method::GET, path, None).await?;
    serde_json::from_slice(&bytes).with_context(|| format!("the answer to {path}"))
}
