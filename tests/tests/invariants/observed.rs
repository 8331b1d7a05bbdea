//! Everything that the nodes of one test write to the log, at every level.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tests::eventually;
use tracing::Dispatch;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What was logged so far. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

/// Runs a test on threads of its own; what they log is kept, what other tests log is not in it.
pub(super) fn observed<F: Future<Output = ()>>(test: impl FnOnce(Log) -> F) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let dispatch = Dispatch::new(subscriber);
    let of_threads = dispatch.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || {
            // Kept until the thread ends, which it does with the runtime.
            std::mem::forget(tracing::dispatcher::set_default(&of_threads));
        })
        .build()
        .expect("a runtime");
    let _here = tracing::dispatcher::set_default(&dispatch);
    runtime.block_on(test(log));
}

impl Log {
    /// Everything so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Forgets what was logged so far.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Waits until a line holds all of `words`.
    pub(super) async fn says(&self, words: &[&str]) {
        let is_said = |line: &str| words.iter().all(|word| line.contains(word));
        eventually(&format!("a line of the log holds {words:?}"), async || {
            self.text().lines().any(is_said)
        })
        .await;
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
