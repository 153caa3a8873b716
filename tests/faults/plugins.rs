//! The plugins of these tests, written as another crate would write its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heka::config::Check;
use heka::flow::{Body, Count, Delivery, Inlet, Lane, Pack, Poured, Seat, Selection, sample_facts};
use heka::matcher::Facts;
use heka::message::{Field, Value};
use heka::pipeline::builtin;
use heka::plugin::{
    BuildContext, BuildError, Declare, Emit, Fault, Filter, Input, Io, LocalFuture, Outcome, Outgoing,
    Output, Plugins, Stop,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The builtin types and those of this file.
pub(super) fn all() -> Plugins {
    builtin()
        .input::<Script>()
        .filter::<Fragile>()
        .filter::<FragileInlet>()
        .filter::<Renaming>()
        .output::<FragileOut>()
        .output::<Hanging>()
}

/// Asks for the end of the daemon.
#[derive(Default)]
pub(super) struct Asked(pub(super) Stop);

/// Pushes what it is told to, then waits for the stop or ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Script {
    /// Datagrams.
    lines: Vec<String>,
    /// How often to push them.
    times: u32,
    /// Flushes to wait for between the first half and the second.
    waits_for_flushes: u64,
    /// Whether to ask for the end of the daemon.
    asks_to_stop: bool,
    /// Whether it returns when it is done, and whether it panics.
    ends: bool,
    panics: bool,
}

impl Default for Script {
    fn default() -> Script {
        let (waits_for_flushes, asks_to_stop, ends, panics) = (0, false, false, false);
        Script { lines: Vec::new(), times: 1, waits_for_flushes, asks_to_stop, ends, panics }
    }
}

impl Check for Script {}

impl Declare<dyn Input> for Script {
    const TYPE: &'static str = "ScriptInput";
    const SUMMARY: &'static str = "Pushes what it is told to.";
    const DECODER: Option<&'static str> = Some("StatsdDecoder");
    const SPLITTER: Option<&'static str> = Some("NullSplitter");

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        let flushes = context.own().counter("hekad_flushes_total", &[("filter", "StatAccumFilter")]);
        Ok(Box::new(Scripted { script: self.clone(), flushes, asked: context.shared.the() }))
    }
}

struct Scripted {
    script: Script,
    flushes: Count,
    asked: Arc<Asked>,
}

impl Input for Scripted {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let mut intake = io.intakes.open();
            for turn in 0..self.script.times {
                while turn == self.script.times / 2
                    && self.flushes.value() < self.script.waits_for_flushes
                    && !io.stop.is_set()
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                for line in &self.script.lines {
                    intake.push(line.as_bytes(), None);
                    intake.flush();
                }
            }
            if self.script.asks_to_stop {
                self.asked.0.set();
            }
            assert!(!self.script.panics, "it was told to");
            if !self.script.ends {
                io.stop.wait().await;
            }
            Ok(())
        })
    }
}

macro_rules! without_options {
    ($($name:ident),*) => { $(
        /// It has no options.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $name {}

        impl Check for $name {}
    )* };
}

without_options!(Fragile, FragileInlet, Renaming, FragileOut, Hanging);

/// Panics on a sample whose name is `boom`; the number of records if there is none.
fn touch(pack: &Pack, chosen: &Selection) -> u64 {
    let mut count = 0;
    for index in (0..pack.body.len()).filter(|&index| chosen.contains(index)) {
        let message = pack.record(index).to_message().into_owned();
        let name = message.field("name", 0).map(|field| field.value.clone());
        assert!(!matches!(name, Some(Value::Strings(names)) if names[0] == "boom"), "it cannot bear this");
        count += 1;
    }
    count
}

fn taken(context: &BuildContext) -> Count {
    context.own().counter("fragile_taken_total", &[])
}

impl Declare<dyn Filter> for Fragile {
    const TYPE: &'static str = "FragileFilter";
    const SUMMARY: &'static str = "Panics on a record.";

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        Ok(Box::new(FragileFilter(taken(context))))
    }
}

struct FragileFilter(Count);

impl Filter for FragileFilter {
    fn process(&mut self, delivery: &Delivery, _: &mut Emit<'_>) -> Result<(), Fault> {
        self.0.add(touch(&delivery.pack, &delivery.chosen));
        Ok(())
    }
}

impl Declare<dyn Filter> for FragileInlet {
    const TYPE: &'static str = "FragileInletFilter";
    const SUMMARY: &'static str = "Panics in a lane.";

    fn offers_inlet(&self) -> bool {
        true
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        Ok(Box::new(PouredFilter(Arc::new(FragileLanes {
            taken: taken(context),
            closed: AtomicBool::new(false),
        }))))
    }
}

/// A filter that is only poured into.
struct PouredFilter(Arc<FragileLanes>);

impl Filter for PouredFilter {
    fn process(&mut self, _: &Delivery, _: &mut Emit<'_>) -> Result<(), Fault> {
        Err(Fault::new("everything comes through its lanes"))
    }

    fn inlet(&self) -> Option<Arc<dyn Inlet>> {
        Some(Arc::new(FragileInletOf(Arc::clone(&self.0))))
    }
}

impl Drop for PouredFilter {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
    }
}

struct FragileInletOf(Arc<FragileLanes>);

impl Inlet for FragileInletOf {
    fn lane(&self, _: Seat) -> Arc<dyn Lane> {
        Arc::clone(&self.0) as Arc<dyn Lane>
    }
}

struct FragileLanes {
    taken: Count,
    closed: AtomicBool,
}

impl Lane for FragileLanes {
    fn pour(&self, pack: &Pack, chosen: &Selection) -> Poured {
        if self.closed.load(Ordering::Acquire) {
            return Poured::Closed;
        }
        self.taken.add(touch(pack, chosen));
        Poured::Taken
    }
}

impl Declare<dyn Filter> for Renaming {
    const TYPE: &'static str = "RenamingFilter";
    const SUMMARY: &'static str = "Makes samples of samples, as messages.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        vec![sample_facts(name, hostname)]
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        Ok(Box::new(RenamingFilter(context.name.to_string())))
    }
}

struct RenamingFilter(String);

impl Filter for RenamingFilter {
    fn process(&mut self, delivery: &Delivery, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let mut messages = Vec::new();
        for (_, record) in delivery.records() {
            let mut message = record.to_message().into_owned();
            message.logger = self.0.as_str().into();
            for field in message.fields.iter_mut().filter(|field| field.name == "name") {
                let Value::Strings(names) = &field.value else { continue };
                *field = Field::new("name", &*format!("renamed.{}", names[0]));
            }
            messages.push(message);
        }
        emit.send(0, Body::Messages(messages));
        Ok(())
    }
}

impl Declare<dyn Output> for FragileOut {
    const TYPE: &'static str = "FragileOutput";
    const SUMMARY: &'static str = "Panics on a record.";

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        Ok(Box::new(FragileOutput(taken(context))))
    }
}

struct FragileOutput(Count);

impl Output for FragileOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            self.0.add(touch(&out.delivery.pack, &out.delivery.chosen));
            Outcome::Delivered
        })
    }
}

impl Declare<dyn Output> for Hanging {
    const TYPE: &'static str = "HangingOutput";
    const SUMMARY: &'static str = "Hangs on its first record.";

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        Ok(Box::new(HangingOutput))
    }
}

struct HangingOutput;

impl Output for HangingOutput {
    fn send<'a>(&'a mut self, _: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async {
            loop {
                // Its thread itself hangs: no stop can wake it.
                std::thread::park();
            }
        })
    }
}
