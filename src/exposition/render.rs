//! Rendering a store part by part, for one scraper.

use std::ops::Bound;
use std::sync::Arc;

use super::distribution::Distribution;
use super::families::{Families, Family};
use super::format::Format;
use super::page::{FamilyWriter, Header, Sample, Shown, stem};
use super::slot::{Slot, Value};

/// How far a scrape has come; the default is its beginning.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    family: Option<(Arc<str>, u64)>,
    /// The last series written, if the family has more.
    labels: Option<Arc<str>>,
}

/// For whom is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// In which format.
    pub format: Format,
    /// What was born later is shown at 0.
    pub has_seen: u64,
    /// What was born later is not shown yet: it is new in the next scrape.
    pub through: u64,
}

impl Reader {
    /// One to whom everything is shown as it is.
    pub const fn plain(format: Format) -> Reader {
        Reader { format, has_seen: u64::MAX, through: u64::MAX }
    }

    fn sees(&self, slot: &Slot) -> bool {
        slot.shown && slot.born <= self.through
    }
}

impl Families {
    /// Appends the next part of a scrape, about `about` bytes or a little more, and says where the part after it
    /// begins; `None` when the scrape is complete.
    ///
    /// Between two parts the store may change: what was there from the first part to the last comes exactly once.
    pub fn render(
        &mut self,
        from: &Cursor,
        reader: &Reader,
        into: &mut Vec<u8>,
        about: usize,
    ) -> Option<Cursor> {
        let full = into.len().saturating_add(about.max(1));
        // Taken out, so that the slots can be changed while families are walked.
        let families = std::mem::take(&mut self.families);
        let start = match &from.family {
            None => Bound::Unbounded,
            Some((name, _)) if from.labels.is_some() => Bound::Included(&**name),
            Some((name, _)) => Bound::Excluded(&**name),
        };
        let next = families.range::<str, _>((start, Bound::Unbounded)).find_map(|(name, family)| {
            let begun = from.family.as_ref().filter(|(begun, _)| begun == name);
            if begun.is_some_and(|&(_, born)| born != family.born) {
                return None;
            }
            let after = begun.and(from.labels.as_deref());
            let labels = self.render_family((name, family), after, reader, into, full);
            let more = labels.is_some() || into.len() >= full;
            more.then(|| Cursor { family: Some((Arc::clone(name), family.born)), labels })
        });
        self.families = families;
        next
    }

    /// Writes a family, or what comes after the labels `after`, until the buffer has `full` bytes. Returns the last
    /// labels written if there may be more.
    fn render_family(
        &mut self,
        (name, family): (&str, &Family),
        after: Option<&str>,
        reader: &Reader,
        into: &mut Vec<u8>,
        full: usize,
    ) -> Option<Arc<str>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut series = family
            .series
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(labels, &index)| (labels, index as usize));
        let mut next = series.find(|&(_, index)| reader.sees(&self.slots[index]))?;
        let header = self.header(name, family);
        let mut writer = match after {
            None => FamilyWriter::begin(into, reader.format, header),
            Some(_) => FamilyWriter::resume(into, reader.format, header),
        };
        loop {
            let (labels, index) = next;
            self.refresh(index);
            if let Some(sample) = self.sample(&self.slots[index], reader) {
                writer.write(labels, &sample);
            }
            let following = series.find(|&(_, index)| reader.sees(&self.slots[index]));
            match following {
                Some(following) if writer.len() < full => next = following,
                following => {
                    writer.end();
                    return following.map(|_| Arc::clone(labels));
                }
            }
        }
    }

    fn header<'h>(&self, name: &'h str, family: &'h Family) -> Header<'h> {
        let free = |stem: &str| {
            !self.taken.contains_key(stem) && !self.taken.contains_key([stem, "_created"].concat().as_str())
        };
        Header {
            name,
            help: &family.help,
            family_type: family.family_type,
            in_seconds: family.in_seconds,
            open_counter: stem(name).is_some_and(free),
            without_created: self.without_created,
        }
    }

    /// What a scraper is shown of a series.
    fn sample<'a>(&'a self, slot: &'a Slot, reader: &Reader) -> Option<Sample<'a>> {
        if !reader.sees(slot) {
            return None;
        }
        let at_zero = slot.born > reader.has_seen;
        match &slot.value {
            Value::Nothing => None,
            Value::Counter { total, created } => {
                let value = if at_zero { 0.0 } else { *total };
                Some(Sample::Counter { value, created: *created })
            }
            Value::Gauge(value) => Some(Sample::Gauge(*value)),
            Value::Distribution(kept) => {
                let quantiles = &self.profiles[slot.profile as usize].quantiles;
                Some(Sample::Distribution(Shown { kept, quantiles, at_zero }))
            }
        }
    }

    /// Makes the quantiles anew that are older than their window.
    fn refresh(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let Value::Distribution(kept) = &mut slot.value else { return };
        let Distribution { window: Some(window), quantiles, stale: stale @ true, .. } = &mut **kept else {
            return;
        };
        window.quantiles(&self.profiles[slot.profile as usize].levels, &mut self.scratch, quantiles);
        *stale = false;
    }
}
