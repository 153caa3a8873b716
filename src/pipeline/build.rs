//! From a plan to machines: plugins built, feeds opened, everything ready to be stepped.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::options::ConsumerOptions;
use super::plan::{Plan, PlannedConsumer, PlannedInput};
use crate::flow::{
    Delivery, Feed, FeedSpec, Health, Ledger, Patience, Queue, Routes, Seat, Wiring, are_samples,
};
use crate::matcher::Facts;
use crate::message::framing::max_record_size;
use crate::message::{Message, Text};
use crate::metric::Registry;
use crate::net::{Handed, World};
use crate::plugin::{
    Attempted, BuildContext, BuildError, Configured, Declared, Decoder, Draft, Encoder, Endpoint, Filter,
    Input, Intakes, Notes, Output, Shared, Splitter, StateStore, Stop, Throttle, Uuids,
};
use crate::router::{Consumer, Router};
use crate::runner::{
    Attempts, Backoff, Begun, DecodeFailures, FilterRunner, Framed, HeldDeliveries, InputCounts, InputLane,
    InputNotes, OutputRunner, SeatDecoding, SeatFeeds, SeatIntakes, SplitRules, Ticks, Undecoded,
};
use crate::time::Clock;

/// Where a plan is built.
pub struct Setting {
    /// The clock of all machines.
    pub clock: Arc<dyn Clock>,
    /// Runs tasks, and drives what outputs wait for.
    pub runtime: tokio::runtime::Handle,
    /// How feeds reach consumers.
    pub wiring: Wiring,
    /// Where outputs send to.
    pub world: World,
    /// Sockets that inputs may ask for instead of opening their own.
    pub handed: Handed,
    /// Where state lives.
    pub base_dir: PathBuf,
    /// What the former run left.
    pub state: StateStore,
    /// Seeds hashes and jitter.
    pub seed: u64,
}

/// Everything a plan comes to, not yet running.
pub struct Machines {
    /// The books.
    pub ledger: Ledger,
    /// The consumers.
    pub router: Arc<Router>,
    /// Things that plugins share.
    pub shared: Shared,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The runtime.
    pub runtime: tokio::runtime::Handle,
    /// Inputs, their sockets not yet opened.
    pub inputs: Vec<InputMachine>,
    /// Filters, each after those it gets records from.
    pub filters: Vec<FilterRunner>,
    /// Outputs.
    pub outputs: Vec<OutputRunner>,
    /// Who listens where.
    pub listens: Vec<(Arc<str>, Endpoint)>,
    /// Said to inputs when they are to stop.
    pub stop: Stop,
    /// Said to outputs when the stop can wait no longer.
    pub abort: Stop,
    /// Raised when a full queue asks for the daemon to stop.
    pub shutdown: Arc<AtomicBool>,
    /// How long a stop may take.
    pub stop_timeout: std::time::Duration,
}

/// One lane of an input.
pub struct InputMachine {
    /// The input's section.
    pub name: Arc<str>,
    /// Which lane.
    pub lane: u32,
    /// Whether what it takes can wait; what cannot comes in datagrams.
    pub patience: Patience,
    /// Opens its intakes.
    pub intakes: Arc<dyn Intakes>,
    /// Takes its notes.
    pub notes: Arc<dyn Notes>,
    /// What it is run with.
    pub runner: InputLane,
}

/// Why a daemon could not be started although its configuration is right.
#[derive(Debug, thiserror::Error)]
#[error("{section}: {source}")]
pub struct StartError {
    /// Which section.
    pub section: String,
    /// Why.
    pub source: BuildError,
}

impl Machines {
    /// Builds every plugin of `plan` but the inputs, and opens every feed.
    ///
    /// # Errors
    /// The first plugin that cannot be built.
    pub fn build(plan: Plan, setting: Setting) -> Result<Machines, StartError> {
        let builder = Builder::new(&plan, setting);
        let listens = plan.listens();
        let outputs =
            plan.outputs.into_iter().map(|output| builder.output(output)).collect::<Result<_, _>>()?;
        let mut filters = plan
            .filters
            .into_iter()
            .map(|filter| builder.filter(filter))
            .collect::<Result<Vec<FilterRunner>, _>>()?;
        // A feed asks for its legs when it opens: every consumer is known by now.
        for filter in &mut filters {
            let specs = std::mem::take(&mut filter.emits);
            filter.feeds = builder.feeds(&filter.name, Patience::Cannot, specs, builder.seat());
        }
        let mut inputs = Vec::new();
        for input in &plan.inputs {
            for lane in 0..input.declared.lanes() {
                inputs.push(builder.lane(input, lane)?);
            }
        }
        let Builder { context, router, runtime, abort, shutdown, .. } = builder;
        Ok(Machines {
            ledger: context.ledger,
            router,
            shared: context.shared,
            clock: context.clock,
            runtime,
            inputs,
            filters,
            outputs,
            listens,
            stop: Stop::default(),
            abort,
            shutdown,
            stop_timeout: plan.hekad.stop_timeout.0,
        })
    }
}

struct Builder {
    context: BuildContext,
    router: Arc<Router>,
    runtime: tokio::runtime::Handle,
    wiring: Wiring,
    abort: Stop,
    shutdown: Arc<AtomicBool>,
    seats: AtomicU32,
    feeds: AtomicU32,
    max_hops: u8,
    queue_items: usize,
    queue_bytes: usize,
}

impl Builder {
    fn new(plan: &Plan, setting: Setting) -> Builder {
        let ledger = Ledger::default();
        let shared = Shared::default();
        shared.put(setting.world);
        shared.put(setting.handed);
        shared.put(Configured(plan.told()));
        Builder {
            router: Arc::new(Router::new(ledger.clone(), setting.wiring)),
            context: BuildContext {
                name: "hekad".into(),
                ticker_interval: None,
                longest_flush: plan.longest_flush(),
                lane: 0,
                max_message_size: plan.hekad.max_message_size.length(),
                parts: Vec::new(),
                hostname: Arc::clone(&plan.hostname),
                base_dir: setting.base_dir,
                state: setting.state,
                names: Arc::new(Registry::limited(plan.hekad.limits())),
                ledger,
                shared,
                started: setting.clock.now(),
                clock: setting.clock,
                seed: setting.seed,
            },
            runtime: setting.runtime,
            wiring: setting.wiring,
            abort: Stop::default(),
            shutdown: Arc::default(),
            seats: AtomicU32::new(0),
            feeds: AtomicU32::new(0),
            max_hops: plan.hekad.max_message_loops,
            queue_items: plan.hekad.plugin_chansize as usize,
            queue_bytes: plan.hekad.queue_size.length(),
        }
    }

    fn context(&self, name: &Arc<str>) -> BuildContext {
        BuildContext { name: Arc::clone(name), ..self.context.clone() }
    }

    fn seat(&self) -> Seat {
        Seat(self.seats.fetch_add(1, Ordering::Relaxed))
    }

    fn queue(&self) -> Arc<Queue<Delivery>> {
        Arc::new(Queue::new(self.queue_items, self.queue_bytes))
    }

    fn backoff(&self, retries: crate::runner::Retries) -> Backoff {
        Backoff::new(retries, self.context.seed)
    }

    fn attempts(&self, name: &Arc<str>, options: &ConsumerOptions) -> Attempts {
        let faults = self.count("hekad_plugin_faults_total", name);
        Attempts::new(Arc::clone(name), self.backoff(options.retries.clone()), options.can_exit, faults)
    }

    fn count(&self, metric: &'static str, plugin: &str) -> crate::flow::Count {
        self.context.own().counter(metric, &[("plugin", plugin)])
    }

    fn feeds(&self, name: &Arc<str>, patience: Patience, emits: Vec<Facts>, seat: Seat) -> Vec<Feed> {
        let open = |facts: Facts| {
            let spec = FeedSpec {
                producer: Arc::clone(name),
                seat,
                // As makers of messages are told from each other: another start has another seed.
                number: self.context.seed ^ u64::from(self.feeds.fetch_add(1, Ordering::Relaxed)) << 32,
                facts: Arc::new(facts),
                patience,
                max_hops: self.max_hops,
                wiring: self.wiring,
                counts: self.context.ledger.feed(name),
                shutdown: Arc::clone(&self.shutdown),
            };
            Feed::open(spec, Arc::clone(&self.router) as Arc<dyn Routes>)
        };
        emits.into_iter().map(open).collect()
    }

    fn output(&self, planned: PlannedConsumer) -> Result<OutputRunner, StartError> {
        let mut context = self.context(&planned.name);
        context.ticker_interval = planned.ticker;
        let declared = planned.declared.clone();
        let mut rebuild: crate::runner::RebuildOutput = {
            let context = context.clone();
            Box::new(move || declared.build::<dyn Output>(&context))
        };
        let output = rebuild().map_err(|source| failed(&planned.name, source))?;
        let encoder =
            planned.encoder.as_ref().map(|encoder| encoder.build::<dyn Encoder>(&context)).transpose();
        let encoder =
            encoder.map_err(|source| failed(&planned.name, source))?.map(|encoder| match planned.framed {
                true => Box::new(Framed::new(encoder, self.context.max_message_size)) as Box<dyn Encoder>,
                false => encoder,
            });
        let queue = self.queue();
        let health = Arc::<Health>::default();
        self.router.put(consumer(&planned, Arc::clone(&queue), None, health));
        let name = Arc::clone(&planned.name);
        Ok(OutputRunner {
            output: Some(output),
            rebuild,
            encoder,
            queue,
            ticks: Ticks::new(planned.ticker, context.started),
            attempts: self.attempts(&name, &planned.options),
            abort: self.abort.clone(),
            runtime: self.runtime.clone(),
            delivered: self.context.own().counter("hekad_delivered_total", &[("output", &*name)]),
            retries: self.context.own().counter("hekad_retries_total", &[("output", &*name)]),
            failing: self.context.own().level("hekad_output_failing", &[("output", &*name)]),
            took: self.context.own().level("hekad_output_send_seconds", &[("output", &*name)]),
            clock: Arc::clone(&self.context.clock),
            attempted: Attempted::default(),
            gathering: planned.declared.gathers(),
            held: HeldDeliveries::default(),
            throttle: Throttle::default(),
            name,
        })
    }

    fn filter(&self, planned: PlannedConsumer) -> Result<FilterRunner, StartError> {
        let mut context = self.context(&planned.name);
        context.ticker_interval = planned.ticker;
        let (queue, health) = (self.queue(), Arc::<Health>::default());
        let name = Arc::clone(&planned.name);
        let ticker = planned.ticker;
        let (ticks, emits) = (Ticks::new(ticker, context.started), planned.emits.clone());
        let attempts = self.attempts(&name, &planned.options);
        let mut rebuild: crate::runner::RebuildFilter = {
            let (router, queue, health) = (Arc::clone(&self.router), Arc::clone(&queue), Arc::clone(&health));
            Box::new(move || {
                let filter = planned.declared.build::<dyn Filter>(&context)?;
                router.put(consumer(&planned, Arc::clone(&queue), Some(&*filter), Arc::clone(&health)));
                Ok(filter)
            })
        };
        let filter = rebuild().map_err(|source| failed(&name, source))?;
        let own = self.context.own();
        let filter_label = [("filter", &*name)];
        if let Some(interval) = ticker {
            own.level("hekad_tick_interval_seconds", &filter_label).set(interval.as_secs_f64());
        }
        let ticked = ticks.ticks().then(|| {
            (
                own.level("hekad_tick_seconds", &filter_label),
                own.level("hekad_tick_lag_seconds", &filter_label),
            )
        });
        let pace = filter.pulse().map(|_| own.level("hekad_live_interval_seconds", &filter_label));
        Ok(FilterRunner {
            filter: Some(filter),
            rebuild,
            queue,
            health,
            feeds: Vec::new(),
            emits,
            ticks,
            clock: Arc::clone(&self.context.clock),
            pace,
            ticked,
            last_tick: std::time::Duration::ZERO,
            beats: Begun::default(),
            attempts,
            name,
        })
    }

    fn lane(&self, input: &PlannedInput, lane: u32) -> Result<InputMachine, StartError> {
        let context = BuildContext { lane, ..self.context(&input.name) };
        let counts = InputCounts::new(self.context.own(), &input.name);
        let kit = self.decoding(input, &context).map_err(|source| failed(&input.name, source))?;
        let (samples, messages): (Vec<Facts>, Vec<Facts>) =
            input.emits.iter().cloned().partition(are_samples);
        let (seat, patience) = (self.seat(), input.declared.patience());
        let feeds = SeatFeeds {
            samples: self.feeds(&input.name, patience, samples, seat).pop(),
            messages: self.feeds(&input.name, patience, messages, seat).pop(),
        };
        let clock = Arc::clone(&context.clock);
        let draft = self.draft(&context);
        let name = Arc::clone(&input.name);
        let intakes = SeatIntakes::new(name, kit, draft, feeds, counts.clone(), Arc::clone(&clock));
        let declared = input.declared.clone();
        Ok(InputMachine {
            name: Arc::clone(&input.name),
            lane,
            patience,
            intakes: Arc::new(intakes),
            notes: Arc::new(InputNotes::new(
                self.context.own(),
                Arc::clone(&input.name),
                counts,
                Arc::clone(&clock),
            )),
            runner: InputLane {
                name: Arc::clone(&input.name),
                rebuild: Box::new(move || declared.build::<dyn Input>(&context)),
                backoff: self.backoff(input.options.retries.clone()),
                can_exit: input.options.can_exit,
                faults: self.count("hekad_plugin_faults_total", &input.name),
                clock,
            },
        })
    }

    fn decoding(&self, input: &PlannedInput, context: &BuildContext) -> Result<SeatDecoding, BuildError> {
        let decoder = decoder(input.decoder.as_ref(), context)?;
        let another = {
            let (declared, context) = (input.decoder.clone(), context.clone());
            move || self::decoder(declared.as_ref(), &context)
        };
        // Built once now, so that a mistake shows at the start.
        input.splitter.build::<dyn Splitter>(context)?;
        let (splitter, context) = (input.splitter.clone(), context.clone());
        let splitter = move || splitter.build::<dyn Splitter>(&context).expect("it could be built before");
        let rules = SplitRules {
            max_record: max_record_size(self.context.max_message_size),
            max_message: self.context.max_message_size,
            messages: input.splitting.use_message_bytes.unwrap_or(input.splitter.takes_messages()),
            keep_truncated: input.splitting.keep_truncated,
            min_buffer: input.splitting.min_buffer_size.length(),
            deliver_incomplete_final: input.splitting.deliver_incomplete_final,
        };
        let failures = DecodeFailures {
            send: input.options.send_decode_failures,
            log: input.options.log_decode_failures,
        };
        Ok(SeatDecoding {
            splitter: Box::new(splitter),
            rules,
            decoder,
            another: Box::new(another),
            failures,
        })
    }

    fn draft(&self, context: &BuildContext) -> Draft {
        let name = &*context.name;
        let base = Message {
            type_: name.into(),
            logger: name.into(),
            hostname: Text::new(&self.context.hostname),
            ..Message::default()
        };
        let uuids = Uuids::of_seat(name, context.lane, context.seed);
        Draft::new(base, Arc::clone(&self.context.names), uuids)
    }
}

/// The decoder that is configured, or the one that leaves records as they are.
fn decoder(declared: Option<&Declared>, context: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
    match declared {
        Some(declared) => declared.build::<dyn Decoder>(context),
        None => Ok(Box::new(Undecoded)),
    }
}

fn consumer(
    planned: &PlannedConsumer,
    queue: Arc<Queue<Delivery>>,
    filter: Option<&dyn Filter>,
    health: Arc<Health>,
) -> Consumer {
    Consumer {
        name: Arc::clone(&planned.name),
        matcher: planned.matcher.clone(),
        on_full: planned.options.on_full,
        queue,
        inlet: filter.and_then(Filter::inlet),
        health,
        loops: planned.loops.clone(),
        reads_totals: planned.declared.reads_totals(),
    }
}

fn failed(section: &str, source: BuildError) -> StartError {
    StartError { section: section.to_owned(), source }
}
