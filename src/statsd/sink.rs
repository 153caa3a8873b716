//! Where the samples of a datagram go: a batch, with the text that its consumers asked for.

use super::line::Datum;
use super::shape::without_end;
use crate::metric::{BadReason, Sample, SampleBatch, SeriesId, Span};

/// Where samples go.
pub(super) struct Sink<'a> {
    pub(super) batch: &'a mut SampleBatch,
    pub(super) keep_lines: bool,
    /// Where the line being read was kept.
    pub(super) kept: Option<Span>,
}

impl Sink<'_> {
    /// Counts a line.
    #[inline(always)]
    pub(super) fn begin(&mut self) {
        self.batch.tally.lines += 1;
        self.kept = None;
    }

    /// Appends a sample.
    ///
    /// # Errors
    /// `TooLong` if the text of the batch has no room for the member.
    #[inline(always)]
    pub(super) fn push(&mut self, series: SeriesId, datum: Datum<'_>, line: &[u8]) -> Result<(), BadReason> {
        let sample = match datum {
            Datum::Number { kind, value, rate } => Sample { series, kind, value, rate },
            Datum::Member(text) => Sample::of_set(series, self.keep(text).ok_or(BadReason::TooLong)?),
        };
        self.batch.samples.push(sample);
        if self.keep_lines {
            // A line without room is kept as empty: the sample is worth more than its text.
            let span = self.kept.or_else(|| self.keep(without_end(line))).unwrap_or_default();
            self.kept = Some(span);
            self.batch.lines.push(span);
        }
        Ok(())
    }

    /// Positions in the text of a batch have 32 bits.
    fn keep(&mut self, text: &[u8]) -> Option<Span> {
        let fits = u32::try_from(self.batch.text.len() + text.len()).is_ok();
        fits.then(|| self.batch.keep(text))
    }
}
