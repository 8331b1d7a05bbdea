//! Many files with one request, over TCP as bytes: what is answered, what hostile and clumsy
//! clients get, and that they hold nobody else up.

mod bad;
mod client;
mod good;
mod information;
mod load;
mod process;
mod scene;
mod slow;
mod typed;
