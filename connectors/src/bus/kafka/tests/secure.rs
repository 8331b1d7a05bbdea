//! TLS and passwords, against a broker that `HUB_TEST_KAFKA_TLS=host:port` names: mutual TLS on
//! the port, `SASL_SSL` two above it, and `HUB_TEST_KAFKA_SECRETS` the folder of certificates and
//! passwords, all as `deploy/kafka.sh` makes them.

use std::path::PathBuf;

use super::super::{Login, Tls};
use super::*;

struct Secure {
    host: String,
    port: u16,
    secrets: PathBuf,
}

impl Secure {
    fn find(test: &str) -> Option<Self> {
        let address = std::env::var("HUB_TEST_KAFKA_TLS").ok();
        let secrets = std::env::var_os("HUB_TEST_KAFKA_SECRETS");
        let (Some(address), Some(secrets)) = (address, secrets) else {
            let line = format!("SKIPPED {test}: HUB_TEST_KAFKA_TLS names no broker\n");
            std::io::stderr()
                .write_all(line.as_bytes())
                .expect("stderr");
            return None;
        };
        let (host, port) = address.rsplit_once(':').expect("host:port");
        Some(Self {
            host: host.to_owned(),
            port: port.parse().expect("a port"),
            secrets: secrets.into(),
        })
    }

    fn settings(&self, port: u16, security: Security) -> KafkaSettings {
        let broker = format!("{}:{port}", self.host);
        let mut settings = settings_of(&broker, &unique());
        settings.security = security;
        settings
    }

    fn tls(&self, authority: &str, own: Option<&str>) -> Tls {
        let file = |name: String| self.secrets.join(name);
        Tls {
            ca_file: Some(file(format!("{authority}.pem"))),
            identity: own.map(|own| (file(format!("{own}.crt")), file(format!("{own}.key")))),
        }
    }

    fn login(&self, user: &str) -> Login {
        let text = std::fs::read_to_string(self.secrets.join(format!("{user}.password")));
        Login {
            username: user.to_owned(),
            password: text.expect("a password").trim_end().to_owned(),
        }
    }
}

async fn health(settings: KafkaSettings) -> Result<(), BusError> {
    let bus = KafkaBus::open(settings).expect("a bus");
    bus.healthy().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_proves_its_name_gets_in_and_only_where_a_rule_allows() {
    let Some(secure) = Secure::find("tls") else {
        return;
    };
    let (port, login_port) = (secure.port, secure.port + 2);
    let own = secure.settings(port, Security::Ssl(secure.tls("ca", Some("zhejiang"))));
    health(own.clone()).await.expect("with its certificate");
    let login = secure.login("zhejiang");
    let scram = Security::SaslSsl(secure.tls("ca", None), login.clone());
    health(secure.settings(login_port, scram))
        .await
        .expect("with its password");

    let wrong = Login {
        password: "of-somebody-else".to_owned(),
        ..login
    };
    let foreign = secure.tls("zhejiang", Some("zhejiang"));
    for (what, settings) in [
        (
            "no certificate",
            secure.settings(port, Security::Ssl(secure.tls("ca", None))),
        ),
        (
            "another authority",
            secure.settings(port, Security::Ssl(foreign)),
        ),
        ("no TLS", secure.settings(port, Security::Plaintext)),
        (
            "a wrong password",
            secure.settings(login_port, Security::SaslSsl(secure.tls("ca", None), wrong)),
        ),
    ] {
        let refused = health(settings).await.expect_err(what);
        assert_eq!(refused.code(), "BUS_UNREACHABLE", "{what}");
        assert!(
            !refused.to_string().contains("of-somebody-else"),
            "{refused}"
        );
    }

    // There, but nobody may write to it.
    let operator = secure.settings(port, Security::Ssl(secure.tls("ca", Some("operator"))));
    let plans = [TopicPlan {
        name: TOPIC.to_owned(),
        partitions: 1,
        replication: 1,
        settings: BTreeMap::new(),
    }];
    let admin = TopicAdmin::open(operator.clone()).expect("a client");
    let differences = admin.differences(&plans).await.expect("compares");
    admin
        .apply(&plans, &differences)
        .await
        .expect("makes the topic");
    assert_eq!(admin.differences(&plans).await.expect("compares"), []);
    let mut own = own;
    own.prefix = operator.prefix.clone();
    let bus = KafkaBus::open(own).expect("a bus");
    let refused = bus
        .publish(numbered(0..1, 1))
        .await
        .map_err(|error| error.code());
    assert_eq!(refused, Err("BUS_REFUSED"));
    let refused = bus.subscribe(TOPIC, Sharing::Divided, Arc::new(None)).await;
    assert_eq!(refused.err().map(|error| error.code()), Some("BUS_REFUSED"));
}
