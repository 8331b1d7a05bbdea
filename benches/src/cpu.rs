//! Rates per CPU second of the thread that works: other programs that run beside do not show in
//! them, so verifiers of several processes can be compared on a busy machine.

use std::time::Duration;

use tests::peers::Peer;

use crate::Rate;
use crate::samples::Sample;

/// Operations between two looks at the clock, which costs some microseconds.
const STEP: u64 = 8;

/// Files of one round at most: a peer that is faster is measured well enough.
const FILES_MAX: u64 = 5_000;

/// CPU time of this thread so far. The system counts it in steps of a few milliseconds.
///
/// # Panics
/// When the system does not tell.
#[must_use]
pub fn of_this_thread() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("nanoseconds on the processor"))
}

/// Repeats `operation` on this thread until it has used `time` of the processor.
pub fn repeat(time: Duration, mut operation: impl FnMut()) -> Rate {
    let started = of_this_thread();
    let mut operations = 0;
    loop {
        (0..STEP).for_each(|_| operation());
        operations += STEP;
        let time_used = of_this_thread() - started;
        if time_used >= time {
            return Rate {
                operations,
                time: time_used,
            };
        }
    }
}

/// Lets a peer verify the same file until it has used `time` of the processor.
///
/// # Panics
/// When it does not accept the file: then it is not the same work.
pub fn repeat_peer(time: Duration, peer: &mut Peer, sample: &Sample) -> Rate {
    let (mut operations, mut time_used) = (0, Duration::ZERO);
    while time_used < time && operations < FILES_MAX {
        let answer = peer.verify(&sample.path);
        assert_eq!(answer.verdict, "accepted", "{}: {answer:?}", sample.name);
        operations += 1;
        time_used += answer.cpu;
    }
    Rate {
        operations,
        time: time_used,
    }
}
