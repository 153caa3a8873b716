//! Who was offered what and what became of it: per joint of producer and consumer, per feed, per table.
//!
//! `offered = taken + lost + held` for every joint; `restored + poured = flushed + kept + lost + held` for every table.

use std::sync::{Arc, Mutex};

use super::{Count, OwnMetrics};

/// Why a record was lost between a feed and its consumer; a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LossReason {
    /// The consumer's queue was full and `on_full` said drop.
    Full,
    /// The queue was full and waiting would have closed a cycle.
    LoopFull,
    /// The record had passed more filters than `max_message_loops`.
    Hops,
    /// The consumer ended and nobody took its place.
    Closed,
    /// The consumer reported a fault, or panicked, on it.
    Fault,
    /// The encoder could not write it.
    Encode,
    /// The peer of an output refused it for good, or it is nothing a filter could use.
    Refused,
    /// The output's retries were used up.
    RetriesExhausted,
    /// The stop could not wait any longer.
    StopDeadline,
}

impl LossReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [LossReason; 9] = [
        LossReason::Full,
        LossReason::LoopFull,
        LossReason::Hops,
        LossReason::Closed,
        LossReason::Fault,
        LossReason::Encode,
        LossReason::Refused,
        LossReason::RetriesExhausted,
        LossReason::StopDeadline,
    ];

    /// The label value.
    pub const fn label(self) -> &'static str {
        match self {
            LossReason::Full => "full",
            LossReason::LoopFull => "loop_full",
            LossReason::Hops => "hops",
            LossReason::Closed => "closed",
            LossReason::Fault => "fault",
            LossReason::Encode => "encode",
            LossReason::Refused => "refused",
            LossReason::RetriesExhausted => "retries_exhausted",
            LossReason::StopDeadline => "stop_deadline",
        }
    }
}

/// The books of one pipeline. Clones share them.
#[derive(Clone, Default)]
pub struct Ledger {
    own: OwnMetrics,
    joints: Arc<Mutex<Vec<Arc<JointCounts>>>>,
    tables: Arc<Mutex<Vec<TableCounts>>>,
    lines: Arc<Mutex<Vec<LostLines>>>,
}

/// Lines that an output lost on the way to one of its peers: the records may be taken all the same, by the others.
#[derive(Debug, Clone)]
struct LostLines {
    output: Arc<str>,
    peer: String,
    reason: &'static str,
    lost: Count,
}

/// The books of one producer and one consumer.
pub struct JointCounts {
    /// Who sends.
    pub producer: Arc<str>,
    /// Who consumes.
    pub consumer: Arc<str>,
    /// How: `queue` or `lane`.
    pub way: &'static str,
    offered: Count,
    taken: Count,
    lost: [Count; LossReason::ALL.len()],
}

/// The books of one feed's producer.
#[derive(Debug, Clone)]
pub struct FeedCounts {
    /// Records sent.
    pub records: Count,
    /// Records no leg asked for.
    pub unmatched: Count,
}

/// The books of the tables of a filter, in samples.
#[derive(Debug, Clone)]
pub struct TableCounts {
    filter: Arc<str>,
    /// What the former run left in the open interval.
    pub restored: Count,
    /// Poured in this run.
    pub poured: Count,
    /// In the snapshots of closed intervals.
    pub flushed: Count,
    /// Left to the next run, in the open interval.
    pub kept: Count,
    /// Lost with a filter that ended by a fault, or deleted by request.
    pub lost: Count,
}

/// A line of the books that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Records are neither taken nor lost although nothing is under way.
    #[error("{producer} -> {consumer}: offered {offered}, taken {taken}, lost {lost}, held should be {held}")]
    Joint {
        /// Who sent.
        producer: Arc<str>,
        /// Who was to consume.
        consumer: Arc<str>,
        /// Records offered.
        offered: u64,
        /// Records taken.
        taken: u64,
        /// Records lost, for any reason.
        lost: u64,
        /// Records that are still under way, as the caller knows.
        held: u64,
    },
    /// Samples poured into a table are neither in a snapshot nor kept although everything has stopped.
    #[error("{0}")]
    Table(String),
}

impl Ledger {
    /// Books whose counters are in `own`.
    pub fn new(own: OwnMetrics) -> Ledger {
        Ledger { own, ..Ledger::default() }
    }

    /// The metrics the counters are in.
    pub fn own(&self) -> &OwnMetrics {
        &self.own
    }

    /// The books of a joint; the same for the same pair and way.
    pub fn joint(&self, producer: &Arc<str>, consumer: &Arc<str>, way: &'static str) -> Arc<JointCounts> {
        let mut joints = self.joints.lock().expect(NEVER_POISONED);
        let same = |joint: &&Arc<JointCounts>| {
            joint.producer == *producer && joint.consumer == *consumer && joint.way == way
        };
        if let Some(joint) = joints.iter().find(same) {
            return Arc::clone(joint);
        }
        let labels = [("producer", &**producer), ("consumer", &**consumer), ("way", way)];
        let lost = LossReason::ALL.map(|reason| {
            let with_reason = [labels[0], labels[1], labels[2], ("reason", reason.label())];
            self.own.counter("hekad_records_lost_total", &with_reason)
        });
        let joint = Arc::new(JointCounts {
            producer: Arc::clone(producer),
            consumer: Arc::clone(consumer),
            way,
            offered: self.own.counter("hekad_records_offered_total", &labels),
            taken: self.own.counter("hekad_records_taken_total", &labels),
            lost,
        });
        joints.push(Arc::clone(&joint));
        joint
    }

    /// The books of a producer.
    pub fn feed(&self, producer: &str) -> FeedCounts {
        FeedCounts {
            records: self.own.counter("hekad_feed_records_total", &[("producer", producer)]),
            unmatched: self.own.counter("hekad_feed_unmatched_total", &[("producer", producer)]),
        }
    }

    /// Counters of what a filter's tables were given, gave, and lost with it, checked by `check_settled`.
    pub fn table(&self, filter: &Arc<str>) -> TableCounts {
        let counter = |name| self.own.counter(name, &[("filter", &**filter)]);
        let counts = TableCounts {
            filter: Arc::clone(filter),
            restored: counter("hekad_table_restored_total"),
            poured: counter("hekad_table_poured_total"),
            flushed: counter("hekad_table_flushed_total"),
            kept: counter("hekad_table_kept_total"),
            lost: counter("hekad_table_lost_total"),
        };
        let mut tables = self.tables.lock().expect(NEVER_POISONED);
        tables.retain(|table| table.filter != counts.filter);
        tables.push(counts.clone());
        counts
    }

    /// Enters that `lost` counts lines that `output` lost on their way to `peer` for `reason`.
    pub fn enter_lost_lines(&self, output: &Arc<str>, peer: &str, reason: &'static str, lost: &Count) {
        let mut lines = self.lines.lock().expect(NEVER_POISONED);
        let (output, lost) = (Arc::clone(output), lost.clone());
        lines.retain(|other| other.output != output || other.peer != peer || other.reason != reason);
        lines.push(LostLines { output, peer: peer.to_owned(), reason, lost });
    }

    /// Lines that outputs lost on their way to one of several peers.
    pub fn lost_lines(&self) -> u64 {
        self.lines.lock().expect(NEVER_POISONED).iter().map(|lines| lines.lost.value()).sum()
    }

    /// All joints, sorted by producer, then consumer.
    pub fn joints(&self) -> Vec<Arc<JointCounts>> {
        let mut joints = self.joints.lock().expect(NEVER_POISONED).clone();
        joints.sort_by(|a, b| (&a.producer, &a.consumer, a.way).cmp(&(&b.producer, &b.consumer, b.way)));
        joints
    }

    /// Checks that nothing is held anywhere, as it must be once everything has stopped.
    ///
    /// # Errors
    /// Every line that does not add up.
    pub fn check_settled(&self) -> Result<(), Vec<LedgerError>> {
        let joints = self.joints();
        let joints = joints.iter().filter(|joint| joint.held() != 0).map(|joint| LedgerError::Joint {
            producer: Arc::clone(&joint.producer),
            consumer: Arc::clone(&joint.consumer),
            offered: joint.offered(),
            taken: joint.taken(),
            lost: joint.lost_total(),
            held: 0,
        });
        let tables = self.tables.lock().expect(NEVER_POISONED);
        let tables = tables.iter().filter(|table| !table.is_settled());
        let tables = tables.map(|table| LedgerError::Table(table.to_string()));
        let errors: Vec<LedgerError> = joints.chain(tables).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Everything lost: records on all joints, and samples in tables.
    pub fn lost_total(&self) -> u64 {
        let joints: u64 = self.joints().iter().map(|joint| joint.lost_total()).sum();
        let tables = self.tables.lock().expect(NEVER_POISONED);
        joints + tables.iter().map(|table| table.lost.value()).sum::<u64>()
    }

    /// Samples of open intervals that are left to the next run.
    pub fn kept_total(&self) -> u64 {
        let tables = self.tables.lock().expect(NEVER_POISONED);
        tables.iter().map(|table| table.kept.value()).sum()
    }

    /// Records lost for `reason` on all joints.
    pub fn lost(&self, reason: LossReason) -> u64 {
        self.joints().iter().map(|joint| joint.lost(reason)).sum()
    }

    /// The books as text: a line for every joint and table, and for every peer and reason that cost lines.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for joint in self.joints() {
            let JointCounts { producer, consumer, way, .. } = &*joint;
            let (offered, taken, held) = (joint.offered(), joint.taken(), joint.held());
            text.push_str(&format!(
                "{producer} -> {consumer} ({way}): offered {offered}, taken {taken}, held {held}"
            ));
            for reason in LossReason::ALL.into_iter().filter(|&reason| joint.lost(reason) > 0) {
                text.push_str(&format!(", lost {} ({})", joint.lost(reason), reason.label()));
            }
            text.push('\n');
        }
        for table in self.tables.lock().expect(NEVER_POISONED).iter() {
            text.push_str(&format!("{table}\n"));
        }
        for lines in self.lines.lock().expect(NEVER_POISONED).iter().filter(|lines| lines.lost.value() > 0) {
            let LostLines { output, peer, reason, lost } = lines;
            text.push_str(&format!("{output} to {peer}: lost {} lines ({reason})\n", lost.value()));
        }
        text
    }
}

impl JointCounts {
    pub(super) fn offer(&self, records: u64) {
        self.offered.add(records);
    }

    pub(super) fn take(&self, records: u64) {
        self.taken.add(records);
    }

    /// Enters records that were read, of which the consumer could use all but `refused`.
    pub(super) fn settle_read(&self, records: u64, refused: u64) {
        self.take(records.saturating_sub(refused));
        self.lose(LossReason::Refused, refused.min(records));
    }

    pub(super) fn lose(&self, reason: LossReason, records: u64) {
        self.lost[reason as usize].add(records);
    }

    /// Enters everything still under way as lost: nobody will say any more what became of it.
    pub fn write_off(&self, reason: LossReason) {
        let held = u64::try_from(self.held()).unwrap_or(0);
        self.lose(reason, held);
    }

    /// Records offered.
    pub fn offered(&self) -> u64 {
        self.offered.value()
    }

    /// Records taken.
    pub fn taken(&self) -> u64 {
        self.taken.value()
    }

    /// Records lost for `reason`.
    pub fn lost(&self, reason: LossReason) -> u64 {
        self.lost[reason as usize].value()
    }

    /// Records lost.
    pub fn lost_total(&self) -> u64 {
        self.lost.iter().map(Count::value).sum()
    }

    /// Records under way: offered, neither taken nor lost yet.
    pub fn held(&self) -> i64 {
        self.offered() as i64 - self.taken() as i64 - self.lost_total() as i64
    }
}

impl TableCounts {
    fn is_settled(&self) -> bool {
        let came = self.restored.value() + self.poured.value();
        came == self.flushed.value() + self.kept.value() + self.lost.value()
    }
}

impl std::fmt::Display for TableCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let TableCounts { filter, restored, poured, flushed, kept, lost } = self;
        let [restored, poured, aggregated] = [restored, poured, flushed].map(Count::value);
        let [kept, lost] = [kept, lost].map(Count::value);
        write!(
            f,
            "tables of {filter}: restored {restored}, poured {poured}, aggregated {aggregated}, kept {kept}, lost {lost}"
        )
    }
}

const NEVER_POISONED: &str = "no code panics while it holds the lock of the ledger";
