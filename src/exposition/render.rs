//! Rendering a store part by part, for one scraper.

use std::ops::Bound;
use std::sync::Arc;

use super::distribution::Distribution;
use super::families::{Families, Family, FamilyId, Position, with_name};
use super::format::Format;
use super::names::FamilyType;
use super::page::{FamilyWriter, Header, Sample, Shown, stem};
use super::slot::{Mark, Slot, Value};

/// How far a scrape has come; the default is its beginning.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    /// The last family written, and when it was born.
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
        slot.marks.has(Mark::Shown) && u64::from(slot.born) <= self.through
    }
}

/// What stands above the samples of a family, made where it is needed.
#[derive(Default)]
struct Heading {
    name: String,
    help: String,
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
        let start = match &from.family {
            None => Position::default(),
            Some((name, _)) if from.labels.is_some() => self.index.seek(Bound::Included(name), self.called()),
            Some((name, _)) => self.index.seek(Bound::Excluded(name), self.called()),
        };
        // Taken out, so that the slots can be changed while families are walked.
        let order = std::mem::take(&mut self.index.order);
        let mut heading = Heading::default();
        let next = order.from(start).map(FamilyId::unpack).find_map(|family| {
            self.called().name(family, &mut heading.name);
            let (begun, born) = (from.family.as_ref(), self.born(family));
            let begun = begun.filter(|(begun, _)| **begun == *heading.name);
            if begun.is_some_and(|&(_, begun)| begun != born) {
                return None;
            }
            let after = begun.and(from.labels.as_deref());
            let labels = match family {
                FamilyId::Lone(slot) => {
                    self.render_lone(slot, &mut heading, reader, into);
                    None
                }
                FamilyId::Recorded(number) => {
                    self.render_recorded(number, &mut heading, after, reader, into, full)
                }
            };
            let more = labels.is_some() || into.len() >= full;
            more.then(|| Cursor { family: Some((heading.name.as_str().into(), born)), labels })
        });
        self.index.order = order;
        next
    }

    fn render_lone(&mut self, slot: u32, heading: &mut Heading, reader: &Reader, into: &mut Vec<u8>) {
        let index = slot as usize;
        if !reader.sees(&self.slots[index]) {
            return;
        }
        self.refresh(index);
        let header = self.header(FamilyId::Lone(slot), heading, reader.format);
        let slot = &self.slots[index];
        let mut writer = FamilyWriter::begin(into, reader.format, header);
        if let Some(sample) = self.sample(slot, reader) {
            writer.write("", &sample);
        }
        writer.end();
    }

    /// Writes a family, or what comes after the labels `after`, until the buffer has `full` bytes. Returns the last
    /// labels written if there may be more.
    fn render_recorded(
        &mut self,
        number: u32,
        heading: &mut Heading,
        after: Option<&str>,
        reader: &Reader,
        into: &mut Vec<u8>,
        full: usize,
    ) -> Option<Arc<str>> {
        let header = self.header(FamilyId::Recorded(number), heading, reader.format);
        // Taken out like the order.
        let family = self.recorded[number as usize].take()?;
        let last = self.render_series(&family, header, after, reader, into, full);
        self.recorded[number as usize] = Some(family);
        last
    }

    fn render_series(
        &mut self,
        family: &Family,
        header: Header<'_>,
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

    /// The header of the family whose name is in `heading`.
    fn header<'h>(&self, family: FamilyId, heading: &'h mut Heading, format: Format) -> Header<'h> {
        let Heading { name, help } = heading;
        let (first, profile) = self.first_of(family);
        let family_type = self.type_of(family);
        help.clear();
        with_name(&self.names, first, |of| self.exposing.help(of, first.kind(), profile, help));
        // A summary that takes the second is called as the first.
        let free = |stem: &str| {
            !self.index.has_stem(stem, family, self.called()) && self.taker_with_suffix(stem).is_none()
        };
        // Nobody else asks for it.
        let is_asked = format.is_openmetrics() && family_type == FamilyType::Counter;
        Header {
            open_counter: is_asked && stem(name).is_some_and(free),
            name,
            help,
            family_type,
            in_seconds: self.exposing.in_seconds(first.kind(), profile),
            without_created: self.without_created,
        }
    }

    /// Tells a family from an earlier one of the name; 0 of one that is never left half-way.
    fn born(&self, family: FamilyId) -> u64 {
        match family {
            FamilyId::Lone(_) => 0,
            FamilyId::Recorded(number) => {
                self.recorded[number as usize].as_ref().map_or(0, |family| family.born)
            }
        }
    }

    /// What a scraper is shown of a series.
    fn sample<'a>(&'a self, slot: &'a Slot, reader: &Reader) -> Option<Sample<'a>> {
        if !reader.sees(slot) {
            return None;
        }
        let at_zero = u64::from(slot.born) > reader.has_seen;
        match &slot.value {
            Value::Nothing => None,
            Value::Counter { total, created } => {
                let value = if at_zero { 0.0 } else { *total };
                Some(Sample::Counter { value, created: self.moments.stamp(*created) })
            }
            Value::Gauge(value) => Some(Sample::Gauge(*value)),
            Value::Distribution(kept) => {
                let quantiles = &self.profiles[slot.marks.profile()].quantiles;
                Some(Sample::Distribution(Shown { kept, quantiles, at_zero }))
            }
        }
    }

    /// Makes the quantiles anew that are older than their window.
    fn refresh(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let profile = slot.marks.profile();
        let Value::Distribution(kept) = &mut slot.value else { return };
        let Distribution { window: Some(window), quantiles, stale: stale @ true, .. } = &mut **kept else {
            return;
        };
        window.quantiles(&self.profiles[profile].levels, &mut self.scratch, quantiles);
        *stale = false;
    }
}
