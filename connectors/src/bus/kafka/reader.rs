//! The thread of one subscription: polls the client and fills the shelf.
//!
//! Every partition has its own queue in the client. The thread takes from them only while the
//! shelf has room, and asks the client for events all the time: a slow hub costs neither memory
//! nor the membership in the group, and no fetched record is thrown away and fetched again.
//!
//! Assigned partitions start where the consumer's database says ([`super::start`]), never where
//! the broker believes. Before partitions are given back the shelf is emptied and the batch that
//! the hub works on is waited for.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::context::{Changes, Context};
use super::fault::{self, Troubles};
use super::lost;
use super::producer::Producer;
use super::record::record_of;
use super::settings::{KafkaSettings, METADATA_REFRESH_S};
use super::shelf::Shelf;
use super::start::{self, Start};
use crate::bus::{BATCH_RECORDS_MAX, BusError, Positions, Sharing};

/// Longest sleep of the thread. New records wake it at once; this bounds the wait for the rest.
const SLEEP: Duration = Duration::from_millis(100);

/// What a subscription reads, and for whom.
pub(super) struct Order {
    pub(super) settings: Arc<KafkaSettings>,
    /// Name of the topic as the hub knows it.
    pub(super) topic: String,
    pub(super) sharing: Sharing,
    pub(super) positions: Arc<dyn Positions>,
    pub(super) troubles: Arc<Troubles>,
    /// Another client of the same brokers.
    pub(super) producer: Arc<Producer>,
    pub(super) runtime: Handle,
    /// Partitions that the topic has now.
    pub(super) partitions: Vec<i32>,
}

/// Starts the thread.
pub(super) fn start(order: Order, shelf: Arc<Shelf>) -> Result<(), BusError> {
    std::thread::Builder::new()
        .name("bus-reader".to_owned())
        .spawn(move || {
            shelf.filled_by(std::thread::current());
            let troubles = Arc::clone(&order.troubles);
            let topic = order.topic.clone();
            let tell = |error: BusError| {
                troubles.mark(&topic, &error);
                shelf.fail(error);
            };
            match Reader::open(order, Arc::clone(&shelf)) {
                Err(error) => tell(error),
                Ok(mut reader) => {
                    if let Err(error) = reader.run() {
                        tell(error);
                    }
                    // Last: a client waits until it has left its group, and one that has lost its
                    // brokers never has.
                    drop(reader);
                }
            }
        })
        .map_err(|error| BusError::Setting(error.to_string()))?;
    Ok(())
}

pub(super) type Client = BaseConsumer<Context>;

struct Reader {
    order: Order,
    /// Name of the topic on the brokers.
    full_name: String,
    shelf: Arc<Shelf>,
    client: Arc<Client>,
    queues: VecDeque<Queue>,
    starts: mpsc::UnboundedReceiver<(u64, Result<Vec<Start>, BusError>)>,
    started: mpsc::UnboundedSender<(u64, Result<Vec<Start>, BusError>)>,
    /// Partitions that are read or about to be.
    known: BTreeSet<i32>,
    next_look: Instant,
    next_look_for_brokers: Instant,
    /// [`Troubles::lost`] when the client was made.
    lost: u64,
    thread: Thread,
}

struct Queue {
    partition: i32,
    /// Offset of the next record; lower ones are of an earlier assignment.
    from: i64,
    queue: PartitionQueue<Context>,
}

impl Reader {
    fn open(order: Order, shelf: Arc<Shelf>) -> Result<Self, BusError> {
        let is_member = order.sharing == Sharing::Divided;
        let lost = order.troubles.lost();
        let full_name = order.settings.full_name(&order.topic);
        let config = order.settings.consumer(&order.topic, is_member);
        let context = Context::new(Arc::clone(&shelf));
        let setting = |error: KafkaError| BusError::Setting(error.to_string());
        let mut client = Client::from_config_and_context(&config, context).map_err(setting)?;
        let thread = std::thread::current();
        client.set_nonempty_callback(waker(&thread));
        if is_member {
            client.subscribe(&[&full_name]).map_err(setting)?;
        }
        let (started, starts) = mpsc::unbounded_channel();
        Ok(Self {
            order,
            full_name,
            shelf,
            client: Arc::new(client),
            queues: VecDeque::new(),
            starts,
            started,
            known: BTreeSet::new(),
            next_look: Instant::now() + Duration::from_secs(METADATA_REFRESH_S),
            next_look_for_brokers: Instant::now() + lost::LOOK_EVERY,
            lost,
            thread,
        })
    }

    fn run(&mut self) -> Result<(), BusError> {
        if self.order.sharing == Sharing::Whole {
            let partitions = self.order.partitions.clone();
            self.find_starts(0, partitions);
        }
        let mut outcome = Ok(());
        while outcome.is_ok() && !self.shelf.is_closed() {
            outcome = self.turn();
        }
        // From here every change is answered at once: nobody works on anything of this reader.
        self.client.context().close();
        self.queues.clear();
        let _ = self.client.unassign();
        outcome
    }

    fn turn(&mut self) -> Result<(), BusError> {
        let mut is_busy = self.serve_events()?;
        is_busy |= self.take_starts()?;
        is_busy |= self.fill()?;
        self.hint_durable();
        self.look_for_partitions();
        self.look_for_brokers();
        if !is_busy {
            std::thread::park_timeout(SLEEP);
        }
        Ok(())
    }

    /// Changes of the group and errors. Whether there were any.
    fn serve_events(&mut self) -> Result<bool, BusError> {
        let client = Arc::clone(&self.client);
        while let Some(event) = client.poll(Duration::ZERO) {
            match event {
                // Each partition has its own queue since before it was assigned.
                Ok(message) => tracing::warn!(
                    bus.topic = self.order.topic,
                    bus.partition = message.partition(),
                    "a record came beside its queue and is read again"
                ),
                Err(error) => self.check(&error)?,
            }
        }
        let Changes {
            generation,
            assigned,
            was_revoked,
            ..
        } = self.client.context().take_changes();
        if self.lost != self.order.troubles.lost() {
            let cause = "clients have lost their brokers, readers are made anew".to_owned();
            return Err(BusError::Unreachable { cause });
        }
        if was_revoked {
            self.queues.clear();
            self.known.clear();
        }
        if let Some(partitions) = assigned {
            self.find_starts(generation, partitions);
            return Ok(true);
        }
        Ok(was_revoked)
    }

    /// Asks aside where partitions start: the thread goes on serving events meanwhile.
    fn find_starts(&mut self, generation: u64, mut partitions: Vec<i32>) {
        partitions.retain(|partition| self.known.insert(*partition));
        if partitions.is_empty() && self.order.sharing == Sharing::Whole {
            return;
        }
        let (client, thread) = (Arc::clone(&self.client), self.thread.clone());
        let started = self.started.clone();
        let question = start::Question {
            topic: self.order.topic.clone(),
            full_name: self.full_name.clone(),
            partitions,
            sharing: self.order.sharing,
            positions: Arc::clone(&self.order.positions),
        };
        self.order.runtime.spawn(async move {
            let starts = question.answer(&client).await;
            // A reader that ended needs no answer.
            let _ = started.send((generation, starts));
            thread.unpark();
            // Were it the last of the client, dropping it would leave the group and wait.
            aside(move || drop(client));
        });
    }

    fn take_starts(&mut self) -> Result<bool, BusError> {
        let Ok((generation, starts)) = self.starts.try_recv() else {
            return Ok(false);
        };
        // The partitions were given back meanwhile.
        if generation != self.client.context().generation() {
            return Ok(true);
        }
        let starts = starts?;
        let mut list = TopicPartitionList::new();
        for start in &starts {
            let offset = Offset::Offset(start.offset);
            let added = list.add_partition_offset(&self.full_name, start.partition, offset);
            added.map_err(|error| self.about(&error))?;
            self.open_queue(start)?;
        }
        let assigned = match self.order.sharing {
            Sharing::Divided => self.client.assign(&list),
            Sharing::Whole => self.client.incremental_assign(&list),
        };
        assigned.map_err(|error| self.about(&error))?;
        self.order.troubles.clear(&self.order.topic);
        tracing::debug!(
            bus.topic = self.order.topic,
            partitions = starts.len(),
            "reading partitions"
        );
        Ok(true)
    }

    /// Before the partition is assigned: afterwards records could take the common queue.
    fn open_queue(&mut self, start: &Start) -> Result<(), BusError> {
        let queue = self
            .client
            .split_partition_queue(&self.full_name, start.partition);
        let mut queue = queue.ok_or_else(|| BusError::UnknownTopic {
            topic: self.order.topic.clone(),
        })?;
        queue.set_nonempty_callback(waker(&self.thread));
        self.queues.push_back(Queue {
            partition: start.partition,
            from: start.offset,
            queue,
        });
        Ok(())
    }

    /// Moves records onto the shelf, from one partition after the other. Whether there were any.
    fn fill(&mut self) -> Result<bool, BusError> {
        let mut is_busy = false;
        for _ in 0..self.queues.len() {
            let room = self.shelf.room();
            let Some(mut queue) = self.queues.pop_front() else {
                break;
            };
            let most = room.records.min(BATCH_RECORDS_MAX);
            let (mut records, mut bytes) = (Vec::new(), 0_usize);
            let mut outcome = Ok(());
            while records.len() < most && bytes < room.bytes {
                match queue.queue.poll(Duration::ZERO) {
                    None => break,
                    Some(Ok(message)) if message.offset() < queue.from => {}
                    Some(Ok(message)) => {
                        queue.from = message.offset().saturating_add(1);
                        bytes = bytes.saturating_add(message.payload_len());
                        records.push(record_of(&self.order.topic, &message));
                    }
                    Some(Err(error)) => {
                        outcome = self.check(&error);
                        if outcome.is_err() {
                            break;
                        }
                    }
                }
            }
            is_busy |= !records.is_empty();
            self.shelf.put(queue.partition, records);
            self.queues.push_back(queue);
            outcome?;
        }
        Ok(is_busy)
    }

    /// Tells the broker how far the consumer is. Tools show it; nothing depends on it.
    fn hint_durable(&self) {
        let durable = self.shelf.take_durable();
        if durable.is_empty() || self.order.sharing == Sharing::Whole {
            return;
        }
        let mut list = TopicPartitionList::new();
        for (partition, position) in durable {
            // A position is the offset of the next record.
            let offset = Offset::Offset(position);
            let _ = list.add_partition_offset(&self.full_name, partition, offset);
        }
        let _ = self.client.store_offsets(&list);
    }

    /// A reader of the whole topic has no group to tell it of new partitions.
    fn look_for_partitions(&mut self) {
        if self.order.sharing == Sharing::Divided || Instant::now() < self.next_look {
            return;
        }
        self.next_look = Instant::now() + Duration::from_secs(METADATA_REFRESH_S);
        let (client, thread) = (Arc::clone(&self.client), self.thread.clone());
        let (topic, full_name) = (self.order.topic.clone(), self.full_name.clone());
        aside(move || {
            if let Ok(found) = start::partitions(client.client(), &topic, &full_name) {
                client.context().found(found);
                thread.unpark();
            }
        });
    }

    /// Whether the client has lost its brokers for good, see [`lost`].
    fn look_for_brokers(&mut self) {
        if Instant::now() < self.next_look_for_brokers {
            return;
        }
        self.next_look_for_brokers = Instant::now() + lost::LOOK_EVERY;
        let (client, lost) = (Arc::clone(&self.client), self.lost);
        let (producer, topic) = (Arc::clone(&self.order.producer), self.full_name.clone());
        let troubles = Arc::clone(&self.order.troubles);
        aside(move || {
            let is_lost =
                lost::has_no_broker(client.client(), &topic) && producer.finds_brokers(&topic);
            // Not when another was faster: this one is being made anew then.
            if is_lost && troubles.lost() == lost {
                troubles.lost_brokers();
            }
        });
    }

    fn check(&self, error: &KafkaError) -> Result<(), BusError> {
        if let Some((code, reason)) = self.client.client().fatal_error() {
            return Err(fault::fatal(code, reason));
        }
        if fault::ends_reading(error) {
            return Err(self.about(error));
        }
        let cause = fault::in_words(error);
        tracing::debug!(
            bus.topic = self.order.topic,
            cause,
            "the bus recovers by itself"
        );
        Ok(())
    }

    fn about(&self, error: &KafkaError) -> BusError {
        fault::about_topic(&self.order.topic, error)
    }
}

/// Works on a thread of its own. Whoever drops the last of a client waits until it has left its
/// group, and a client without brokers never has: the runtime, which waits for its own threads when
/// the node stops, must not wait for that.
fn aside(work: impl FnOnce() + Send + 'static) {
    // Without a thread the work is dropped here; what it looks for is looked for again.
    let _ = std::thread::Builder::new()
        .name("bus-aside".to_owned())
        .spawn(work);
}

fn waker(thread: &Thread) -> impl Fn() + Send + Sync + 'static {
    let thread = thread.clone();
    move || thread.unpark()
}
