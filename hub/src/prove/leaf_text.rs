//! One leaf in words, Chinese first, then English.

use std::fmt::Write;

use chrono::{DateTime, FixedOffset, Utc};
use schemas::leaf::{Activity, Leaf};
use schemas::permit::PermitBasis;
use schemas::verdict::Outcome;

/// Seconds by which Asia/Shanghai is ahead of UTC.
const SHANGHAI_OFFSET_S: i32 = 8 * 3600;

/// Who did what, when, in one line: `time  node  activity  result`.
#[must_use]
pub fn heading(leaf: &Leaf) -> String {
    let (zh, en) = activity(leaf.activity);
    format!(
        "{}  {}  {zh} {en}  {}",
        local_time(leaf.at),
        leaf.node,
        leaf.result
    )
}

/// The heading and, below it, everything else the leaf says, each line after `indent`.
#[must_use]
pub fn lines(leaf: &Leaf, indent: &str) -> String {
    let mut text = format!("{indent}{}\n", heading(leaf));
    for detail in details(leaf) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{indent}  {detail}");
    }
    text
}

/// What the leaf says beside its heading, one thing a line.
#[must_use]
pub fn details(leaf: &Leaf) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(identifier) = &leaf.identifier {
        details.push(format!("证照 licence {identifier}"));
    }
    if let Some(entity) = &leaf.entity {
        if let Some(revision) = entity.revision {
            details.push(format!("修订 revision {revision}"));
        }
        if let Some(sm3) = &entity.file_sm3 {
            details.push(format!("文件 file SM3 {sm3}"));
        }
        if let Some(peer) = &entity.peer {
            details.push(format!("对方节点 other node {peer}"));
        }
    }
    if let Some(item) = &leaf.item {
        let serial = item.serial.map(|serial| format!(" #{serial}"));
        details.push(format!(
            "信任项 trust item {}{}",
            item.name,
            serial.unwrap_or_default()
        ));
    }
    if let Some(agent) = &leaf.agent {
        details.push(format!(
            "用证方 caller {} {}",
            agent.organisation, agent.caller
        ));
    }
    if let Some(matter) = &leaf.matter {
        details.push(format!("事项 matter {}", matter.code));
    }
    if let Some(permit) = &leaf.permit {
        let (zh, en) = if permit.permitted {
            ("许可", "permitted")
        } else {
            ("不许可", "not permitted")
        };
        let basis = match permit.basis {
            PermitBasis::Duty => "依职能 by duty",
            PermitBasis::Consent => "依授权 by consent",
        };
        details.push(format!("{zh} {en} {basis}，规则 rule {}", permit.rule));
    }
    if let Some(verdict) = &leaf.verdict {
        let (zh, en) = outcome(verdict.outcome);
        let code = verdict
            .code
            .map_or_else(String::new, |code| format!(" {}", code.as_str()));
        details.push(format!("验证结论 verdict {zh} {en}{code}"));
    }
    details
}

/// Name of an activity, Chinese and English.
#[must_use]
pub fn activity(activity: Activity) -> (&'static str, &'static str) {
    match activity {
        Activity::Register => ("登记", "registered"),
        Activity::Apply => ("入库", "applied"),
        Activity::Reject => ("退回", "rejected"),
        Activity::Receipt => ("收到回执", "receipt taken"),
        Activity::Lookup => ("查询", "looked up"),
        Activity::AnswerLookup => ("答复查询", "lookup answered"),
        Activity::Permit => ("用证许可", "permit decided"),
        Activity::Fetch => ("取文件", "fetched"),
        Activity::HandOut => ("交出文件", "handed out"),
        Activity::Verify => ("验证", "verified"),
        Activity::Deliver => ("交付", "delivered"),
        Activity::Refuse => ("拒绝", "refused"),
        Activity::Audit => ("审计", "audited"),
        Activity::Trust => ("信任变更", "trust changed"),
        Activity::SealStatus => ("印章状态", "seal status"),
        Activity::DeadLetter => ("死信处理", "dead letter decided"),
        Activity::Snapshot => ("目录快照", "directory snapshot"),
    }
}

fn outcome(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Valid => ("有效", "valid"),
        Outcome::Invalid => ("无效", "invalid"),
        Outcome::Indeterminate => ("无法判定", "indeterminate"),
    }
}

/// Time in Asia/Shanghai to the millisecond.
fn local_time(at: DateTime<Utc>) -> String {
    match FixedOffset::east_opt(SHANGHAI_OFFSET_S) {
        Some(offset) => at
            .with_timezone(&offset)
            .format("%Y-%m-%d %H:%M:%S%.3f")
            .to_string(),
        None => at.to_rfc3339(),
    }
}
