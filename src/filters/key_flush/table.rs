//! How often every series came, and that as a ranking of names.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::flow::{Body, Pack, RecordRef, SAMPLE_TYPE, Selection};
use crate::matcher::{FieldValue, Subject};
use crate::metric::{Kind, Registry};

/// The counts of one seat: of samples by series, of messages that tell of a sample by name.
///
/// As long as the registry's lists: `max_series` bounds it. Names of messages are bounded by `MOST_NAMES`.
#[derive(Default)]
pub(super) struct Table {
    series: [Vec<u64>; Kind::ALL.len()],
    names: HashMap<String, u64>,
}

impl Table {
    /// Counts the chosen records of a pack.
    pub(super) fn count(&mut self, pack: &Pack, chosen: &Selection) {
        match &pack.body {
            Body::Samples(batch) => {
                for (index, sample) in batch.samples.iter().enumerate() {
                    if chosen.contains(index) {
                        let (kind, index) = (sample.series.kind(), sample.series.index());
                        *cell(&mut self.series[kind as usize], index) += 1;
                    }
                }
            }
            Body::Messages(messages) => {
                let chosen = (0..messages.len()).filter(|&index| chosen.contains(index));
                chosen.for_each(|index| self.count_message(pack.record(index)));
            }
            Body::Snapshot { .. } => {}
        }
    }

    /// A message that is no sample has no key.
    fn count_message(&mut self, record: RecordRef<'_>) {
        let RecordRef::Message(message) = record else { return };
        let FieldValue::Text(name) = record.field("name", 0, 0) else { return };
        if message.type_ != SAMPLE_TYPE {
            return;
        }
        let mut key = String::from_utf8_lossy(&name).into_owned();
        if let FieldValue::Text(tags) = record.field("tags", 0, 0) {
            // As `Series::reference_text` has them.
            for tag in String::from_utf8_lossy(&tags).split(',') {
                key.push(';');
                key.push_str(&tag.replacen(':', "=", 1));
            }
        }
        if self.names.len() >= MOST_NAMES && !self.names.contains_key(&key) {
            key = crate::metric::OVERFLOW.to_owned();
        }
        *self.names.entry(key).or_default() += 1;
    }

    /// What was counted; the memory stays.
    pub(super) fn take(&mut self) -> Table {
        let taken = Table { series: self.series.clone(), names: std::mem::take(&mut self.names) };
        self.series.iter_mut().for_each(|counts| counts.fill(0));
        taken
    }

    /// Adds what another seat counted.
    pub(super) fn add(&mut self, other: Table) {
        for (mine, theirs) in self.series.iter_mut().zip(&other.series) {
            for (index, count) in theirs.iter().enumerate().filter(|(_, count)| **count > 0) {
                *cell(mine, index) += count;
            }
        }
        for (name, count) in other.names {
            *self.names.entry(name).or_default() += count;
        }
    }
}

/// Names with their counts, the most frequent first, those of equal counts by name. All types of a name are one key.
pub(super) fn ranked(table: Table, names: &Registry) -> Vec<(String, u64)> {
    let mut keys = table.names;
    for (kind, counts) in Kind::ALL.into_iter().zip(&table.series) {
        names.with_names(kind, |series| {
            for (series, &count) in series.iter().zip(counts).filter(|(_, count)| **count > 0) {
                let key: Cow<'_, str> = series.reference_text();
                match keys.get_mut(&*key) {
                    Some(sum) => *sum += count,
                    None => drop(keys.insert(key.into_owned(), count)),
                }
            }
        });
    }
    let mut keys: Vec<(String, u64)> = keys.into_iter().collect();
    keys.sort_unstable_by(|(one, less), (other, more)| more.cmp(less).then_with(|| one.cmp(other)));
    keys
}

fn cell(counts: &mut Vec<u64>, index: usize) -> &mut u64 {
    if counts.len() <= index {
        counts.resize((index + 1).next_power_of_two(), 0);
    }
    &mut counts[index]
}

/// Names of messages that are counted apart.
const MOST_NAMES: usize = 100_000;
