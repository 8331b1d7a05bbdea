//! What the brokers do to a producer, on the library's mock of three brokers.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

type Mock = MockCluster<'static, DefaultProducerContext>;

fn cluster(partitions: i32) -> (Mock, KafkaBus) {
    let mock = MockCluster::new(1).expect("a mock");
    mock.create_topic(TOPIC, partitions, 1).expect("a topic");
    let bus = KafkaBus::open(settings_of(&mock.bootstrap_servers(), "")).expect("a bus");
    (mock, bus)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_a_broker_fails_is_tried_again() {
    let (mock, bus) = cluster(1);
    bus.publish(numbered(0..1, 1)).await.expect("published");
    let not_leader = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    let too_few = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    mock.request_errors(RDKafkaApiKey::Produce, &[not_leader, too_few]);
    // One record: the mock takes a later request before the one that it failed, as no broker does
    // that minds the sequence numbers of an idempotent producer.
    bus.publish(numbered(1..2, 1)).await.expect("published");
    check_order(&bus, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_and_the_next_publication_passes() {
    let (mock, bus) = cluster(1);
    bus.publish(numbered(0..1, 1)).await.expect("published");
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::Produce, &[refusal]);
    let refused = bus.publish(numbered(1..2, 1)).await;
    let Err(BusError::Refused { topic, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(topic, TOPIC);
    bus.publish(numbered(1..3, 1))
        .await
        .expect("by a new producer");
    check_order(&bus, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_brokers_are_away_publishing_ends_in_time_and_keeps_the_order() {
    let (mock, bus) = cluster(1);
    bus.publish(numbered(0..1, 1)).await.expect("published");
    bus.healthy().await.expect("healthy");
    mock.broker_down(1).expect("down");
    let started = std::time::Instant::now();
    let away = bus.publish(numbered(1..3, 1)).await;
    assert_eq!(away.map_err(|error| error.code()), Err("BUS_UNREACHABLE"));
    assert!(started.elapsed() < super::super::producer::PUBLISH_WAIT * 2);
    // Nothing enters behind what is late.
    let away = bus.publish(numbered(1..3, 1)).await;
    assert_eq!(away.map_err(|error| error.code()), Err("BUS_UNREACHABLE"));
    let health = bus.healthy().await.map_err(|error| error.code());
    assert_eq!(health, Err("BUS_UNREACHABLE"));
    mock.broker_up(1).expect("up");
    // As the outbox does: the same again. The client waits a moment before it connects again.
    let mut tries = 0;
    while let Err(error) = bus.publish(numbered(1..5, 1)).await {
        tries += 1;
        assert!(tries < 10, "{error}");
    }
    bus.healthy().await.expect("healthy again");
    check_order(&bus, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_the_producer_usable() {
    let (_mock, bus) = cluster(1);
    let none = Duration::ZERO;
    for _ in 0..20 {
        let publish = bus.publish(numbered(0..1, 1));
        let _ = tokio::time::timeout(none, publish).await;
    }
    bus.publish(numbered(0..3, 1)).await.expect("published");
    check_order(&bus, 3).await;
}

/// The numbers arrive in order; repetitions are allowed.
async fn check_order(bus: &KafkaBus, count: u32) {
    let kept = Arc::new(Kept::default());
    let mut subscription = subscribe(bus, Sharing::Whole, &kept).await;
    let mut expected = 0;
    while expected < count {
        for record in next(&mut subscription).await {
            let number = number_of(&record);
            assert!(number <= expected, "{number} came before {expected}");
            expected = expected.max(number + 1);
        }
    }
}
