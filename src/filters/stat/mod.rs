//! `StatFilter`: makes samples of messages, which accumulators take as those of clients.
//!
//! Name and value of each sample are texts with variables for headers and fields (`template`). What a message lacks costs
//! the one sample that needs it, and is counted. A message that is older than `max_age` makes none: what is in a backlog
//! did not happen now. Receipts of messages go on with their samples.
//!
//! Options are those of Heka's filter (<https://hekad.readthedocs.io/en/v0.10.0/config/filters/stat.html>), and tags.

mod options;
mod samples;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::names::NameCounts;
use crate::flow::{Body, Count, Delivery, OwnMetrics, sample_facts};
use crate::matcher::Facts;
use crate::metric::{Registry, SampleBatch};
use crate::plugin::{BuildContext, BuildError, Declare, Emit, Fault, Filter};
use samples::{NO_FIELD, Samples};

pub use options::{Config, Metric, MetricType};

impl Declare<dyn Filter> for Config {
    const TYPE: &'static str = "StatFilter";
    const SUMMARY: &'static str = "Makes samples of messages: counters, timers, gauges and sets.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        vec![sample_facts(name, hostname)]
    }

    fn directs_to(&self) -> Option<&str> {
        self.stat_accum_name.as_deref()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        let samples = Samples::new(self, context).map_err(|error| BuildError::new(error.to_string()))?;
        let own = context.own();
        for metric in self.metric.keys() {
            // The usual reason is shown before it happens.
            own.counter(SKIPPED, &[("filter", &*context.name), ("metric", metric), ("reason", NO_FIELD)]);
        }
        Ok(Box::new(StatFilter {
            samples,
            oldest: self.oldest(context.longest_flush),
            names: Arc::clone(&context.names),
            late: own.counter("hekad_stat_late_total", &[("filter", &*context.name)]),
            named: NameCounts::new(own, &context.name),
            own: own.clone(),
            name: Arc::clone(&context.name),
        }))
    }
}

struct StatFilter {
    samples: Samples,
    /// How old a message may be, if that is bounded.
    oldest: Option<Duration>,
    names: Arc<Registry>,
    late: Count,
    named: NameCounts,
    /// For what is skipped: most filters skip nothing.
    own: OwnMetrics,
    name: Arc<str>,
}

impl Filter for StatFilter {
    fn process(&mut self, delivery: &Delivery, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let at = delivery.pack.trace.at;
        let keep_lines = emit.wants_lines(SAMPLES);
        let mut batch = SampleBatch { at, ..SampleBatch::new(Arc::clone(&self.names)) };
        batch.samples.reserve(delivery.len() * self.samples.per_message());
        let mut late = 0;
        for (_, record) in delivery.records() {
            if self.oldest.is_some_and(|oldest| at.since(record.stamp()) > oldest) {
                late += 1;
                continue;
            }
            self.samples.make(&record.to_message(), keep_lines, &mut batch);
        }
        if late > 0 {
            self.late.add(late);
        }
        self.named.add(&batch.tally, self.samples.unremembered());
        self.report_skipped();
        if !batch.is_empty() {
            emit.send(SAMPLES, Body::Samples(batch));
        }
        Ok(())
    }
}

impl StatFilter {
    fn report_skipped(&mut self) {
        let StatFilter { samples, own, name, .. } = self;
        samples.take_skipped(|metric, reason, count| {
            let labels = [("filter", &**name), ("metric", metric), ("reason", reason)];
            own.counter(SKIPPED, &labels).add(count);
        });
    }
}

const SKIPPED: &str = "hekad_stat_skipped_total";

/// The feed of samples.
const SAMPLES: usize = 0;
