//! Which request something is done for: the W3C Trace Context, from the caller's header through
//! the bus to the other node, so that the log lines of all nodes can be put together.
//!
//! A trace is a help for operators, no evidence: on the bus it travels beside what is signed, and
//! nothing is decided by it.

use connectors::bus::BusRecord;

/// Header of requests, answers and bus messages, W3C Trace Context §3.2.
pub const TRACEPARENT: &str = "traceparent";

tokio::task_local! {
    static CURRENT: Trace;
}

/// One trace and the step in it that this node works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// 32 hex digits, not all zero.
    id: String,
    /// 16 hex digits, not all zero.
    step: String,
    /// Whether whoever began the trace keeps it.
    is_sampled: bool,
}

impl Trace {
    /// A new trace, for a request whose caller named none.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
            step: step(),
            is_sampled: false,
        }
    }

    /// Reads `00-<32 hex>-<16 hex>-<2 hex>`; a later version may have more fields.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let fields: Vec<&str> = traceparent.splitn(5, '-').collect();
        let (version, id, step, flags) = match fields.as_slice() {
            [version, id, step, flags] => (version, id, step, flags),
            [version, id, step, flags, _] if *version != "00" => (version, id, step, flags),
            _ => return None,
        };
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_name = |text: &str, length| is_hex(text, length) && text.bytes().any(|b| b != b'0');
        let is_usable = is_hex(version, 2)
            && *version != "ff"
            && is_name(id, 32)
            && is_name(step, 16)
            && is_hex(flags, 2);
        is_usable.then(|| Self {
            id: (*id).to_owned(),
            step: (*step).to_owned(),
            is_sampled: u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1),
        })
    }

    /// The trace that a message of the bus belongs to; a new one when it names none.
    #[must_use]
    pub fn of_record(record: &BusRecord) -> Self {
        record
            .headers
            .iter()
            .find(|(name, _)| name == TRACEPARENT)
            .and_then(|(_, value)| Self::parse(value))
            .map_or_else(Self::begin, |trace| trace.next_step())
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn next_step(&self) -> Self {
        Self {
            step: step(),
            ..self.clone()
        }
    }

    /// What is worked on now; none outside of requests and messages.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Works on something for this trace.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// As [`Trace::scope`], on a thread of its own.
    pub fn scope_blocking<T>(this: Option<Self>, work: impl FnOnce() -> T) -> T {
        match this {
            Some(trace) => CURRENT.sync_scope(trace, work),
            None => work(),
        }
    }

    /// Name of the trace.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> String {
        let flags = u8::from(self.is_sampled);
        format!("00-{}-{}-{flags:02x}", self.id, self.step)
    }
}

fn step() -> String {
    // The low half of a random UUID: 62 random bits behind two that are never both zero.
    let (_, low) = uuid::Uuid::new_v4().as_u64_pair();
    format!("{low:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[track_caller]
    fn check(traceparent: &str, expected: Option<&str>) {
        let read = Trace::parse(traceparent);
        assert_eq!(read.as_ref().map(Trace::id), expected, "{traceparent}");
    }

    #[test]
    fn a_trace_is_taken_over_when_it_is_one() {
        check(&format!("00-{ID}-00f067aa0ba902b7-01"), Some(ID));
        check(&format!("01-{ID}-00f067aa0ba902b7-01-later"), Some(ID));
        check(&format!("00-{ID}-00f067aa0ba902b7-01-later"), None);
        check(&format!("ff-{ID}-00f067aa0ba902b7-01"), None);
        check(&format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None);
        check(&format!("00-{ID}-{}-01", "0".repeat(16)), None);
        check(
            &format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            None,
        );
        check("00-short-00f067aa0ba902b7-01", None);
        check("", None);
    }

    #[test]
    fn a_step_stays_in_its_trace() {
        let first = Trace::parse(&format!("00-{ID}-00f067aa0ba902b7-01")).expect("a trace");
        let next = first.next_step();
        assert_eq!(next.id(), ID);
        assert_ne!(next, first);
        assert!(next.header().ends_with("-01"), "the flag is kept");
        assert_eq!(Trace::parse(&next.header()), Some(next));
        let begun = Trace::begin();
        assert_eq!(Trace::parse(&begun.header()), Some(begun));
    }

    #[tokio::test]
    async fn work_for_a_trace_knows_it() {
        assert_eq!(Trace::current(), None);
        let trace = Trace::begin();
        let seen = trace
            .clone()
            .scope(async {
                let current = Trace::current();
                tokio::task::spawn_blocking(|| Trace::scope_blocking(current, Trace::current))
                    .await
                    .expect("runs")
            })
            .await;
        assert_eq!(seen, Some(trace));
    }
}
