//! Mints the seeds anew. What was kept of earlier runs then counts for nothing as genuine.

fn main() {
    if let Err(error) = fuzz::mint::all() {
        eprintln!("{error}");
        std::process::exit(3);
    }
}
