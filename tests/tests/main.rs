//! All integration tests in one program.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot be set up fails the test"
)]

mod attacks;
mod batch;
#[path = "../fuzz/src/checks/mod.rs"]
#[expect(
    unreachable_pub,
    reason = "the fuzz targets call the same checks, as a library"
)]
mod checks;
mod command_line;
mod contracts;
mod corpus_ofd;
mod corpus_pdf;
mod corpus_words;
mod crash;
mod damage;
mod demo;
mod doctor;
mod exchange;
mod faults;
mod formats;
mod fuzz_corpus;
mod invariants;
mod kill;
mod large_pdf;
mod memory;
mod paths;
mod peers;
mod report_page;
mod second_opinion;
mod source;
mod state;
mod status;
mod tidy;
mod trust;
mod wire;
