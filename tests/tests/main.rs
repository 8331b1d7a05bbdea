//! All integration tests in one program.

mod corpus_ofd;
mod demo;
mod kill;
mod paths;
mod source;
mod tidy;
