//! The topics of the nodes as those see them who run the brokers.

use std::sync::Arc;

use connectors::bus::kafka::{KafkaSettings, Security};
use connectors::bus::{Bus, KafkaBus};

use super::Processes;

impl Processes {
    /// The bus of those who run the brokers: every topic, from the first record.
    ///
    /// # Panics
    /// When it cannot be opened.
    #[must_use]
    pub fn brokers_view(&self) -> Arc<dyn Bus> {
        let brokers = self.engines.kafka.split(',').map(str::to_owned).collect();
        let settings = KafkaSettings {
            brokers,
            security: Security::Plaintext,
            prefix: self.prefix.clone(),
            node: "brokers".to_owned(),
            instance: "1".to_owned(),
        };
        Arc::new(KafkaBus::open(settings).expect("the brokers"))
    }
}
