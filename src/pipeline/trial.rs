//! A pipeline on one thread and a manual clock: machines stepped in plan order, the outside world on a tape.
//!
//! What is configured is what runs, but for sockets: bytes go straight into the intakes of an input, outputs write to
//! the tape, and scrapes are calls. For scenarios, and for trying a configuration.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::build::{Machines, Setting};
use super::plan::plan;
use crate::config::{Problems, Severity, Sources, render};
use crate::flow::{Ledger, Patience, Wiring};
use crate::net::{Answer, Consoles, Handed, HttpServers, STDOUT, Said, Tape, World};
use crate::plugin::{Intake, Plugins, Readiness, StateStore};
use crate::runner::Step;
use crate::time::{Clock, ManualClock, Stamp};

/// A pipeline under trial.
pub struct Trial {
    text: String,
    plugins: Plugins,
    wiring: Wiring,
    state: StateStore,
    machines: Machines,
    clock: Arc<ManualClock>,
    tape: Arc<Tape>,
    /// An open intake of the first lane of each input.
    intakes: Vec<(Arc<str>, Box<dyn Intake>)>,
    // Last, so that it outlives what is driven by it.
    _runtime: tokio::runtime::Runtime,
}

impl Trial {
    /// Builds the configuration `text`; the clock stands at `at`.
    ///
    /// # Errors
    /// The rendered problems, or why a plugin could not be built.
    pub fn new(text: &str, plugins: &Plugins, wiring: Wiring, at: Stamp) -> Result<Trial, String> {
        Trial::resumed(text, plugins, wiring, at, StateStore::default(), Arc::new(Tape::new()))
    }

    /// Stops, and starts again `after` that with what was left, writing to the same tape.
    ///
    /// # Errors
    /// As `new`.
    pub fn restart(mut self, after: Duration) -> Result<Trial, String> {
        self.stop();
        let state = StateStore::read(&self.state.bytes()).map_err(|error| error.to_string())?;
        let at = self.clock.now().plus(after);
        Trial::resumed(&self.text, &self.plugins, self.wiring, at, state, Arc::clone(&self.tape))
    }

    fn resumed(
        text: &str,
        plugins: &Plugins,
        wiring: Wiring,
        at: Stamp,
        state: StateStore,
        tape: Arc<Tape>,
    ) -> Result<Trial, String> {
        let sources = Sources::embedded("trial.toml", text);
        let mut problems = Problems::new();
        let planned = plan(&sources, plugins, &|_| None, "trial.host", &mut problems);
        let Some(planned) = planned else { return Err(render(&problems, &sources, false)) };
        if problems.iter().any(|problem| problem.severity() == Severity::Error) {
            return Err(render(&problems, &sources, false));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let clock = Arc::new(ManualClock::at(at));
        let setting = Setting {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            runtime: runtime.handle().clone(),
            wiring,
            world: World::Trial(Arc::clone(&tape)),
            handed: Handed::default(),
            base_dir: "/nonexistent".into(),
            state: state.clone(),
            seed: 1,
        };
        let mut machines = Machines::build(planned, setting).map_err(|error| error.to_string())?;
        let mut intakes: Vec<(Arc<str>, Box<dyn Intake>)> = Vec::new();
        for input in std::mem::take(&mut machines.inputs) {
            let intake = match input.patience {
                Patience::Cannot => input.intakes.open_whole(),
                Patience::Waits => input.intakes.open(),
            };
            intakes.push((input.name, intake));
        }
        machines.shared.the::<Readiness>().set(true);
        let (text, plugins) = (text.to_owned(), plugins.clone());
        let mut trial =
            Trial { text, plugins, wiring, state, machines, clock, tape, intakes, _runtime: runtime };
        trial.settle();
        Ok(trial)
    }

    /// Hands `bytes` to the input `name`, through its first lane, and lets everything work.
    ///
    /// # Errors
    /// If there is no such input, or no room for an hour.
    pub fn send(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.send_to_lane(name, 0, bytes)
    }

    /// The same through another lane. Where a consumer is full that may block, the clock moves on until there is room.
    ///
    /// # Errors
    /// If there is no such lane, or no room for an hour.
    pub fn send_to_lane(&mut self, name: &str, lane: usize, bytes: &[u8]) -> Result<(), String> {
        let place = self.intakes.iter().enumerate().filter(|(_, (input, _))| &**input == name).nth(lane);
        let place =
            place.map(|(place, _)| place).ok_or_else(|| format!("no input {name} with a lane {lane}"))?;
        let intake = &mut self.intakes[place].1;
        let _ = intake.push(bytes, None);
        let longest = self.clock.now().plus(LONGEST_WAIT);
        while !self.intakes[place].1.flush() {
            if self.clock.now() >= longest {
                return Err(format!("{name} has waited for {LONGEST_WAIT:?}: a consumer stays full"));
            }
            // Who can wait does: time passes, so that a consumer comes to its next attempt.
            self.clock.advance(STEP);
            self.settle();
        }
        self.settle();
        Ok(())
    }

    /// Moves the clock on, step by step, so that every tick and every attempt has its time.
    pub fn advance(&mut self, by: Duration) {
        let end = self.clock.now().plus(by);
        while self.clock.now() < end {
            let step = end.since(self.clock.now()).min(STEP);
            self.clock.advance(step);
            self.settle();
        }
    }

    /// Sets the clock to `at`, backwards too, and only then lets everything work: what was due in between is late.
    pub fn set_clock(&mut self, at: Stamp) {
        self.clock.set(at);
        self.settle();
    }

    /// What time it is.
    pub fn now(&self) -> Stamp {
        self.clock.now()
    }

    /// Ends inputs, filters and outputs in order, as a stop does.
    pub fn stop(&mut self) {
        self.intakes.clear();
        self.settle();
        for place in 0..self.machines.filters.len() {
            self.machines.filters[place].queue.close();
            self.settle();
        }
        for output in &self.machines.outputs {
            output.queue.close();
        }
        self.settle();
        self.machines.abort.set();
        self.settle();
    }

    /// What outputs wrote to `address` ("host:port"), or printed if it is "stdout".
    pub fn written(&self, address: &str) -> String {
        let address = if address == "stdout" { STDOUT } else { address };
        String::from_utf8_lossy(&self.tape.written(address)).into_owned()
    }

    /// The body of what `http://ADDRESS/PATH` answers, if anything is served there.
    pub fn get(&self, address: SocketAddr, path: &str) -> Option<String> {
        let answer = self.ask(address, path, &[], 0)?;
        Some(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// The same for a client that says more: the fields of its header, and the number of its connection.
    pub fn ask(
        &self,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        connection: u64,
    ) -> Option<Answer> {
        self.machines.shared.the::<HttpServers>().call(address, path, headers, connection)
    }

    /// What the console at `address` answers to a line that comes from `peer`, if there is one.
    pub fn command(&self, address: SocketAddr, line: &str, peer: IpAddr) -> Option<Said> {
        self.machines.shared.the::<Consoles>().ask(address, line.as_bytes(), peer)
    }

    /// The tape, to make connections fail.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.machines.ledger
    }

    /// Steps every machine until none has anything to do.
    fn settle(&mut self) {
        loop {
            let now = self.clock.now();
            let mut worked = false;
            for filter in &mut self.machines.filters {
                while filter.step(now) == Step::Worked {
                    worked = true;
                }
            }
            for output in &mut self.machines.outputs {
                while output.step(now) == Step::Worked {
                    worked = true;
                }
            }
            if !worked {
                return;
            }
        }
    }
}

/// How far the clock moves at once.
const STEP: Duration = Duration::from_millis(100);

/// How long an input waits for room before the trial calls it stuck.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
