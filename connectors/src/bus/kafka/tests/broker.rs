//! One process and a real broker.

use super::*;

const EMPTY: Option<i64> = None;

#[tokio::test(flavor = "multi_thread")]
async fn records_come_in_order_per_key_from_both_ways_of_sharing() {
    let Some(place) = Place::with_partitions("order", 3).await else {
        return;
    };
    let bus = place.open();
    bus.publish(numbered(0..500, 7)).await.expect("published");
    for sharing in [Sharing::Divided, Sharing::Whole] {
        let kept = Arc::new(Kept::default());
        let mut subscription = subscribe(&bus, sharing, &kept).await;
        let records = read(&mut subscription, &kept, 500).await;
        assert_eq!(records.len(), 500, "{sharing:?}: each record once");
        let mut last = BTreeMap::new();
        for record in &records {
            assert_eq!(record.topic, TOPIC, "without the prefix");
            assert_eq!(record.malformed, None);
            assert_eq!(record.headers, [("ce_id".to_owned(), record.key.clone())]);
            let before = last.insert(record.key.clone(), number_of(record));
            assert!(
                before < Some(number_of(record)),
                "{sharing:?}: {}",
                record.key
            );
        }
        let firsts = records.iter().filter(|record| record.position == 1).count();
        assert_eq!(firsts, 3, "each partition begins at position 1");
    }
    bus.healthy().await.expect("healthy");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_after_the_stored_position_whatever_the_broker_believes() {
    let Some(place) = Place::with_partitions("restart", 1).await else {
        return;
    };
    let bus = place.open();
    bus.publish(numbered(0..600, 5)).await.expect("published");
    let kept = Arc::new(Kept::default());
    let mut subscription = subscribe(&bus, Sharing::Divided, &kept).await;
    let read_first = read(&mut subscription, &kept, 1).await.len();
    // A batch whose effect never became durable: killed while it was applied.
    let lost = next(&mut subscription).await;
    drop((subscription, bus));

    let bus = place.open();
    let mut subscription = subscribe(&bus, Sharing::Divided, &kept).await;
    let again = next(&mut subscription).await;
    assert_eq!(again.first(), lost.first(), "at least once");
    assert_eq!(
        again[0].position,
        i64::try_from(read_first).expect("small") + 1
    );
    drop(subscription);

    // The broker was told more than the database knows: the database counts.
    let earlier = Arc::new(Kept(Mutex::new(BTreeMap::from([(0, 10)]))));
    let mut subscription = subscribe(&bus, Sharing::Divided, &earlier).await;
    assert_eq!(next(&mut subscription).await[0].position, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_that_gives_up_loses_nothing() {
    let Some(place) = Place::with_partitions("waiter", 1).await else {
        return;
    };
    let bus = place.open();
    let mut subscription = bus
        .subscribe(TOPIC, Sharing::Whole, Arc::new(EMPTY))
        .await
        .expect("subscribes");
    for _ in 0..20 {
        let waiting = tokio::time::timeout(Duration::from_millis(1), subscription.next()).await;
        assert!(waiting.is_err(), "nothing is there");
    }
    bus.publish(numbered(0..300, 300)).await.expect("published");
    let (mut numbers, mut patience) = (Vec::new(), 10_000);
    while numbers.len() < 300 && patience > 0 {
        patience -= 1;
        let wait = Duration::from_millis(1);
        if let Ok(batch) = tokio::time::timeout(wait, subscription.next()).await {
            numbers.extend(batch.expect("a batch").iter().map(number_of));
        }
    }
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_records_pass_and_a_slow_reader_gets_all() {
    let Some(place) = Place::with_settings(
        "largest",
        2,
        &[(
            "max.message.bytes",
            &super::super::RECORD_BYTES_MAX.to_string(),
        )],
    )
    .await
    else {
        return;
    };
    let bus = place.open();
    let body = Bytes::from(vec![7_u8; 1024 * 1024]);
    for _ in 0..2 {
        let records = (0..16)
            .map(|n| record(&n.to_string(), body.clone()))
            .collect();
        bus.publish(records).await.expect("published");
    }
    let kept = Arc::new(Kept::default());
    let mut subscription = subscribe(&bus, Sharing::Divided, &kept).await;
    let mut count = 0;
    while count < 32 {
        let batch = next(&mut subscription).await;
        assert!(
            batch.len() <= 4,
            "a batch is bounded in bytes: {}",
            batch.len()
        );
        assert!(batch.iter().all(|record| record.body == body));
        count += batch.len();
    }
    let too_large = record("k", vec![0_u8; 1024 * 1024 + 1]);
    let refused = bus.publish(vec![too_large]).await;
    assert_eq!(refused.map_err(|error| error.code()), Err("BUS_TOO_LARGE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_fit_the_position_is_an_error_and_no_health() {
    let Some(place) = Place::with_partitions("position", 1).await else {
        return;
    };
    let bus = place.open();
    bus.publish(numbered(0..5, 1)).await.expect("published");
    let behind = Arc::new(Kept(Mutex::new(BTreeMap::from([(0, 6)]))));
    let mut subscription = subscribe(&bus, Sharing::Divided, &behind).await;
    for _ in 0..2 {
        let error = tokio::time::timeout(PATIENCE, subscription.next()).await;
        let code = error.expect("in time").map_err(|error| error.code());
        assert_eq!(code, Err("BUS_POSITION"), "and again when asked again");
    }
    let health = bus.healthy().await.map_err(|error| error.code());
    assert_eq!(health, Err("BUS_POSITION"));
    drop(subscription);

    let at_end = Arc::new(Kept(Mutex::new(BTreeMap::from([(0, 5)]))));
    let mut subscription = subscribe(&bus, Sharing::Divided, &at_end).await;
    bus.publish(numbered(5..6, 1)).await.expect("published");
    assert_eq!(number_of(&next(&mut subscription).await[0]), 5);
    bus.healthy().await.expect("healthy again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_named_without_the_prefix() {
    let Some(place) = Place::with_partitions("missing", 1).await else {
        return;
    };
    let bus = place.open();
    let subscribed = bus
        .subscribe("requests.nobody", Sharing::Divided, Arc::new(EMPTY))
        .await;
    let Err(BusError::UnknownTopic { topic }) = subscribed else {
        panic!("subscribed to nothing");
    };
    assert_eq!(topic, "requests.nobody");
    let mut lost = record("k", "b");
    lost.topic = "requests.nobody".to_owned();
    let Err(BusError::UnknownTopic { topic }) = bus.publish(vec![lost]).await else {
        panic!("published to nothing");
    };
    assert_eq!(topic, "requests.nobody");
    bus.publish(vec![record("k", "b")])
        .await
        .expect("others go on");
}
