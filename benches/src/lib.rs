//! How the benches compare: two ways of doing something in one run, in rounds whose order is
//! swapped each time, reported as the median of the rounds' ratios.
//!
//! Figures of one run on one machine compare; figures of two runs do not. Nothing here asserts a
//! time: the benches print, people judge. `deploy/bench.sh` runs them all with the engines that
//! they need; each also runs alone, see there.

#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

pub mod bare;
pub mod cpu;
pub mod engines;
pub mod load;
pub mod pgbench;
pub mod samples;

use std::io::Write as _;
use std::time::{Duration, Instant};

/// Rounds of one comparison: an even number, so that each order comes equally often.
pub const ROUNDS: usize = 6;

/// File to which every comparison adds its line: title, ours, theirs, ratio, goal, separated by
/// tabs.
const TABLE_VARIABLE: &str = "HUB_BENCH_TABLE";

/// What one round measured.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Operations done.
    pub operations: u64,
    /// Time they took.
    pub time: Duration,
}

/// What is compared, and what is to be reached.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// What both sides do.
    pub title: &'a str,
    /// What the ratio should be; empty when nothing is promised.
    pub goal: &'a str,
    /// What one operation is called, in figures per second: `/s`, `MiB/s`.
    pub unit: &'a str,
}

/// One side of a comparison of rates: its name and one round of it.
pub type Side<'a> = (&'a str, &'a mut dyn FnMut() -> Rate);

/// One side of a comparison of times: its name and one round of it, the time of every operation.
pub type TimedSide<'a> = (&'a str, &'a mut dyn FnMut() -> Vec<Duration>);

/// Median, least and greatest of some numbers.
#[derive(Clone, Copy, Debug)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
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

/// Compares two rates: warms both up, runs [`ROUNDS`] rounds with the order swapped each time and
/// prints medians and the median ratio with its range. More is better.
pub fn compare(comparison: Comparison<'_>, ours: Side<'_>, theirs: Side<'_>) {
    let (our_name, ours) = ours;
    let (their_name, theirs) = theirs;
    let rounds = rounds(&mut || ours().per_second(), &mut || theirs().per_second());
    let unit = comparison.unit;
    let figure = |numbers: &[f64]| format!("{} {unit}", short(Spread::of(numbers).median));
    let (our_figure, their_figure) = (figure(&rounds.ours), figure(&rounds.theirs));
    report(
        comparison,
        (our_name, &our_figure),
        (their_name, &their_figure),
        &rounds,
    );
}

/// Compares the times of single operations: the ratio is that of the rounds' medians, and less is
/// better. Prints the median (p50) and the 99th of a hundred (p99) of all rounds.
pub fn compare_times(comparison: Comparison<'_>, ours: TimedSide<'_>, theirs: TimedSide<'_>) {
    let (our_name, ours) = ours;
    let (their_name, theirs) = theirs;
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    let rounds = rounds(&mut || half(ours, &mut our_times), &mut || {
        half(theirs, &mut their_times)
    });
    report(
        comparison,
        (our_name, &times(&mut our_times)),
        (their_name, &times(&mut their_times)),
        &rounds,
    );
}

/// Prints times that are compared with nothing but their goal.
pub fn tell_times(title: &str, goal: &str, mut measured: Vec<Duration>) {
    let text = times(&mut measured);
    println!("{title}\n  {text}  ({} times)", measured.len());
    add_to_table(&[title, &text, "", "", goal]);
}

/// Prints what one operation costs, median of [`ROUNDS`] rounds.
pub fn cost(title: &str, operation: &mut dyn FnMut() -> Rate) {
    operation();
    let rates: Vec<f64> = (0..ROUNDS).map(|_| operation().per_second()).collect();
    let cost = 1e6 / Spread::of(&rates).median;
    println!("  {title:<52} {cost:>12.1} us");
}

/// What the rounds of both sides measured.
struct Rounds {
    ours: Vec<f64>,
    theirs: Vec<f64>,
    ratios: Vec<f64>,
}

fn rounds(ours: &mut dyn FnMut() -> f64, theirs: &mut dyn FnMut() -> f64) -> Rounds {
    // The first time warms up.
    ours();
    theirs();
    let (mut our_figures, mut their_figures, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (our_figure, their_figure) = if round % 2 == 0 {
            let our_figure = ours();
            (our_figure, theirs())
        } else {
            let their_figure = theirs();
            (ours(), their_figure)
        };
        our_figures.push(our_figure);
        their_figures.push(their_figure);
        ratios.push(our_figure / their_figure);
    }
    Rounds {
        ours: our_figures,
        theirs: their_figures,
        ratios,
    }
}

/// The median of one round's times, in seconds; the times join those of all rounds.
fn half(round: &mut dyn FnMut() -> Vec<Duration>, all: &mut Vec<Duration>) -> f64 {
    let mut measured = round();
    let (median, _) = percentiles(&mut measured);
    all.extend(measured);
    median.as_secs_f64()
}

fn times(measured: &mut [Duration]) -> String {
    let (median, ninety_ninth) = percentiles(measured);
    let ms = |time: Duration| short(time.as_secs_f64() * 1e3);
    format!("p50 {} ms p99 {} ms", ms(median), ms(ninety_ninth))
}

/// The median and the 99th of a hundred; sorts.
fn percentiles(measured: &mut [Duration]) -> (Duration, Duration) {
    measured.sort_unstable();
    let at = |hundredths: usize| {
        let place = measured.len() * hundredths / 100;
        measured.get(place).copied().unwrap_or_default()
    };
    (at(50), at(99))
}

fn report(comparison: Comparison<'_>, ours: (&str, &str), theirs: (&str, &str), rounds: &Rounds) {
    let ratio = Spread::of(&rounds.ratios);
    let ratio = format!(
        "{:.2} ({:.2} to {:.2})",
        ratio.median, ratio.least, ratio.most
    );
    println!("{}", comparison.title);
    for (name, figure) in [ours, theirs] {
        println!("  {name:<52} {figure}");
    }
    let wanted = if comparison.goal.is_empty() {
        String::new()
    } else {
        format!(", wanted {}", comparison.goal)
    };
    println!("  ratio {ratio}{wanted}");
    add_to_table(&[
        comparison.title,
        &format!("{}: {}", ours.0, ours.1),
        &format!("{}: {}", theirs.0, theirs.1),
        &ratio,
        comparison.goal,
    ]);
}

fn add_to_table(cells: &[&str]) {
    let Some(path) = std::env::var_os(TABLE_VARIABLE) else {
        return;
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path);
    let written = file.and_then(|mut file| writeln!(file, "{}", cells.join("\t")));
    if let Err(cause) = written {
        eprintln!("the table {} cannot be written: {cause}", path.display());
    }
}

/// A number with three digits that matter, or all before the point.
fn short(number: f64) -> String {
    let places = match number {
        _ if number >= 100.0 => 0,
        _ if number >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.places$}")
}

impl Spread {
    fn of(numbers: &[f64]) -> Self {
        let mut numbers = numbers.to_vec();
        numbers.sort_by(f64::total_cmp);
        let middle = numbers.len() / 2;
        let median = match (numbers.get(middle.wrapping_sub(1)), numbers.get(middle)) {
            (Some(below), Some(above)) if numbers.len().is_multiple_of(2) => {
                f64::midpoint(*below, *above)
            }
            (_, Some(middle)) => *middle,
            _ => 0.0,
        };
        Self {
            median,
            least: numbers.first().copied().unwrap_or_default(),
            most: numbers.last().copied().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        let odd = Spread::of(&[3.0, 1.0, 2.0]);
        assert_eq!((odd.least, odd.median, odd.most), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Spread::of(&[]).median, 0.0);
        let mut times: Vec<_> = (0..200).map(Duration::from_millis).collect();
        let expected = (Duration::from_millis(100), Duration::from_millis(198));
        assert_eq!(percentiles(&mut times), expected);
    }

    #[test]
    fn the_order_is_swapped_each_round() {
        let order = std::cell::RefCell::new(String::new());
        let side = |name: &'static str| {
            order.borrow_mut().push_str(name);
            1.0
        };
        rounds(&mut || side("o"), &mut || side("t"));
        assert_eq!(order.into_inner(), "otottoottootto");
    }
}
