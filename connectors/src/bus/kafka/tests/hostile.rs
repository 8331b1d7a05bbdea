//! Records of somebody who is no node: none stops the topic, all are handed over, marked.

use std::io::Read as _;
use std::net::TcpStream;

use super::*;

/// A record as bytes, whatever they are.
#[derive(Default)]
struct Raw {
    key: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    body: Option<Vec<u8>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_records_are_marked_and_the_next_good_one_is_read() {
    let large = [("max.message.bytes", "20000000")];
    let Some(place) = Place::with_settings("hostile", 1, &large).await else {
        return;
    };
    let text = |text: &str| text.as_bytes().to_vec();
    let header = |name: Vec<u8>, value: Option<Vec<u8>>| Raw {
        headers: vec![(name, value)],
        body: Some(text("x")),
        ..Raw::default()
    };
    let with_key = |key: Vec<u8>| Raw {
        key: Some(key),
        ..Raw::default()
    };
    let with_body = |size: usize| Raw {
        body: Some(vec![b'x'; size]),
        ..Raw::default()
    };
    let many = Raw {
        headers: vec![(text("h"), Some(text("v"))); 500],
        ..Raw::default()
    };
    let hostile = [
        (with_key(vec![0xff, 0xfe, 0x00]), Some("the key")),
        (with_key(vec![b'k'; 5000]), Some("the key")),
        (
            header(vec![0xff, 0xfe], Some(text("v"))),
            Some("the name of a header"),
        ),
        (
            header(text("ce_id"), Some(vec![0xc3, 0x28])),
            Some("a header"),
        ),
        (
            header(text("ce_id"), Some(vec![b'v'; 5000])),
            Some("a header"),
        ),
        (header(vec![b'n'; 5000], None), Some("the name of a header")),
        (header(text("ce_id"), None), None),
        (header(Vec::new(), Some(Vec::new())), None),
        (many, Some("the number of headers")),
        (with_body(1024 * 1024 + 1), Some("the length of the body")),
        (with_body(3 * 1024 * 1024), Some("the length of the body")),
        (Raw::default(), None),
    ];
    let name = place.settings.full_name(TOPIC);
    let broker = place.settings.brokers[0].clone();
    for (raw, _) in &hostile {
        produce(&broker, &name, raw);
    }
    let bus = place.open();
    bus.publish(vec![record("good", "b")])
        .await
        .expect("published");
    let kept = Arc::new(Kept::default());
    let mut subscription = subscribe(&bus, Sharing::Divided, &kept).await;
    let records = read(&mut subscription, &kept, hostile.len() + 1).await;
    for ((_, expected), record) in hostile.iter().zip(&records) {
        assert_eq!(record.malformed, *expected, "record {}", record.position);
        // What is kept of it can be published again, as a dead letter.
        let letter = OutgoingRecord {
            topic: TOPIC.to_owned(),
            key: record.key.clone(),
            headers: record.headers.clone(),
            body: record.body.clone(),
        };
        letter.check().expect("within every limit");
    }
    let last = records.last().expect("the good one");
    assert_eq!((last.key.as_str(), last.malformed), ("good", None));
}

/// Writes one record in Kafka's own protocol: client libraries refuse to send such things.
fn produce(broker: &str, topic: &str, raw: &Raw) {
    let mut body = vec![0xff, 0xff];
    body.extend(1_i16.to_be_bytes());
    body.extend(10_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(i16::try_from(topic.len()).expect("short").to_be_bytes());
    body.extend(topic.as_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    let batch = batch(raw);
    body.extend(length(&batch));
    body.extend(batch);
    // Produce, version 3; correlation 1; no client id.
    let mut request = vec![0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff];
    request.extend(body);
    let mut stream = TcpStream::connect(broker).expect("connects");
    stream.write_all(&length(&request)).expect("writes");
    stream.write_all(&request).expect("writes");
    let mut size = [0; 4];
    stream.read_exact(&mut size).expect("an answer");
    let size = usize::try_from(u32::from_be_bytes(size)).expect("small");
    let mut answer = vec![0; size];
    stream.read_exact(&mut answer).expect("an answer");
    // Correlation, one topic, its name, one partition, its number, then the error.
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(
        answer.get(at..at + 2),
        Some(&[0, 0][..]),
        "refused: {answer:?}"
    );
}

fn batch(raw: &Raw) -> Vec<u8> {
    let mut one = vec![0];
    varint(&mut one, 0);
    varint(&mut one, 0);
    bytes(&mut one, raw.key.as_deref());
    bytes(&mut one, raw.body.as_deref());
    varint(&mut one, i64::try_from(raw.headers.len()).expect("few"));
    for (name, value) in &raw.headers {
        bytes(&mut one, Some(name));
        bytes(&mut one, value.as_deref());
    }
    let mut after_crc = vec![0, 0];
    after_crc.extend(0_i32.to_be_bytes());
    after_crc.extend(1_700_000_000_000_i64.to_be_bytes());
    after_crc.extend(1_700_000_000_000_i64.to_be_bytes());
    after_crc.extend([0xff; 8 + 2 + 4]);
    after_crc.extend(1_i32.to_be_bytes());
    varint(&mut after_crc, i64::try_from(one.len()).expect("small"));
    after_crc.extend(one);
    let mut after_length = vec![0xff, 0xff, 0xff, 0xff, 2];
    after_length.extend(crc32c(&after_crc).to_be_bytes());
    after_length.extend(after_crc);
    let mut batch = vec![0; 8];
    batch.extend(length(&after_length));
    batch.extend(after_length);
    batch
}

fn bytes(to: &mut Vec<u8>, value: Option<&[u8]>) {
    let Some(value) = value else {
        return varint(to, -1);
    };
    varint(to, i64::try_from(value.len()).expect("small"));
    to.extend(value);
}

fn varint(to: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1) ^ (value >> 63);
    loop {
        let low = u8::try_from(rest & 0x7f).expect("seven bits");
        rest = (rest >> 7) & i64::MAX >> 6;
        if rest == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

fn length(of: &[u8]) -> [u8; 4] {
    i32::try_from(of.len()).expect("small").to_be_bytes()
}

fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 * (crc & 1))
        })
    })
}
