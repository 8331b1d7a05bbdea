//! The exchange between nodes as processes of their own, on a real broker and a real database.

mod brokers_view;
mod demo;
mod killed_fetch;
mod three_processes;
