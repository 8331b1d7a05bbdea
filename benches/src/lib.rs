//! How the benches compare: two ways of doing something in one run, in rounds whose order is
//! swapped each time, reported as the median of the rounds' ratios.
//!
//! Figures of one run on one machine compare; figures of two runs do not. Nothing here asserts a
//! time: the benches print, people judge.
//!
//! Run them all with `cargo bench --package benches`.

use std::time::{Duration, Instant};

/// Rounds of one comparison: an even number, so that each order comes equally often.
pub const ROUNDS: usize = 6;

/// What one round measured.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Operations done.
    pub operations: u64,
    /// Time they took.
    pub time: Duration,
}

impl Rate {
    /// Operations per second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        // Counts of a bench are far below 2^53.
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let operations = self.operations as f64;
        operations / self.time.as_secs_f64()
    }
}

/// Repeats `operation` on this thread until `time` is over.
pub fn repeat(time: Duration, mut operation: impl FnMut()) -> Rate {
    let started = Instant::now();
    let mut operations = 0;
    while started.elapsed() < time {
        operation();
        operations += 1;
    }
    Rate {
        operations,
        time: started.elapsed(),
    }
}

/// Compares two ways: warms both up, runs [`ROUNDS`] rounds with the order swapped each time and
/// prints medians and the median ratio with its range.
pub fn compare(
    title: &str,
    ours: (&str, &mut dyn FnMut() -> Rate),
    theirs: (&str, &mut dyn FnMut() -> Rate),
) {
    let (our_name, ours) = ours;
    let (their_name, theirs) = theirs;
    ours();
    theirs();
    let (mut our_rates, mut their_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (our_rate, their_rate) = if round % 2 == 0 {
            let our_rate = ours().per_second();
            (our_rate, theirs().per_second())
        } else {
            let their_rate = theirs().per_second();
            (ours().per_second(), their_rate)
        };
        our_rates.push(our_rate);
        their_rates.push(their_rate);
        ratios.push(our_rate / their_rate);
    }
    println!("{title}");
    println!("  {our_name:<44} {:>12.0} /s", median(&mut our_rates));
    println!("  {their_name:<44} {:>12.0} /s", median(&mut their_rates));
    let ratio = median(&mut ratios);
    let (least, most) = (ratios.first().copied(), ratios.last().copied());
    println!(
        "  ratio {ratio:.2} (rounds {:.2} to {:.2})",
        least.unwrap_or_default(),
        most.unwrap_or_default()
    );
}

/// Prints what one operation costs, median of [`ROUNDS`] rounds.
pub fn cost(title: &str, operation: &mut dyn FnMut() -> Rate) {
    operation();
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| operation().per_second()).collect();
    println!("  {title:<44} {:>12.1} us", 1e6 / median(&mut rates));
}

/// The median; sorts the numbers.
fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match (numbers.get(middle.wrapping_sub(1)), numbers.get(middle)) {
        (Some(below), Some(above)) if numbers.len().is_multiple_of(2) => {
            f64::midpoint(*below, *above)
        }
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}
