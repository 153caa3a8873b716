//! Machines on threads: one for every lane, filter and output; started downstream first, stopped upstream first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::build::{Machines, StartError};
use super::measure::{Measures, Waiting};
use crate::flow::{Delivery, Ledger, LossReason, Queue};
use crate::net::{BindError, Consoles, HttpServers};
use crate::plugin::{BuildError, Endpoint, Input, Io, Protocol, Readiness, Shared, Stop};
use crate::router::Router;
use crate::runner::{Ended, FilterRunner, InputEnd, OutputRunner, Step, run_input};
use crate::time::{Clock, Stamp};

/// A daemon that runs.
pub struct Running {
    /// The books.
    pub ledger: Ledger,
    router: Arc<Router>,
    shutdown: Arc<AtomicBool>,
    shared: Shared,
    clock: Arc<dyn Clock>,
    runtime: tokio::runtime::Handle,
    inputs: Vec<Worker>,
    filters: Vec<Worker>,
    outputs: Vec<Worker>,
    stop: Stop,
    abort: Stop,
    stop_timeout: Duration,
    ends: Receiver<(Arc<str>, Ended)>,
}

/// How a daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether a plugin's fault ended it.
    pub failed: bool,
    /// Records given up because the stop could wait no longer.
    pub given_up: u64,
}

struct Worker {
    name: Arc<str>,
    thread: JoinHandle<()>,
    /// What waits in front of it, for filters and outputs.
    queue: Option<Waiting>,
}

impl Running {
    /// Opens the sockets and starts every thread.
    ///
    /// # Errors
    /// The first thing that could not be opened; what was started until then is stopped.
    pub fn start(machines: Machines) -> Result<Running, StartError> {
        let Machines { ledger, router, shared, clock, runtime, inputs, filters, outputs, .. } = machines;
        let Machines { stop, abort, shutdown, stop_timeout, listens, .. } = machines;
        let (end, ends) = channel();
        let queued =
            |name: &Arc<str>, queue: &Arc<Queue<Delivery>>| Some(Waiting::new(ledger.own(), name, queue));
        let mut running = Running {
            ledger: ledger.clone(),
            router,
            shutdown,
            shared: shared.clone(),
            clock: Arc::clone(&clock),
            runtime: runtime.clone(),
            inputs: Vec::new(),
            filters: Vec::new(),
            outputs: Vec::new(),
            stop: stop.clone(),
            abort: abort.clone(),
            stop_timeout,
            ends,
        };
        serve(&shared, &runtime, &listens)?;
        // All sockets are opened before the first thread: a taken port leaves nothing behind.
        let mut opened: Vec<(super::build::InputMachine, Box<dyn Input>)> = Vec::new();
        for mut input in inputs {
            let built = (input.runner.rebuild)();
            let built = built.map_err(|source| StartError { section: input.name.to_string(), source })?;
            opened.push((input, built));
        }
        for output in outputs {
            let (name, queue) = (Arc::clone(&output.name), queued(&output.name, &output.queue));
            let (clock, end, abort) = (Arc::clone(&clock), end.clone(), abort.clone());
            let thread = spawn(&name, move || run_output(output, &*clock, &abort, &end))?;
            running.outputs.push(Worker { name, thread, queue });
        }
        for filter in filters {
            let (name, queue) = (Arc::clone(&filter.name), queued(&filter.name, &filter.queue));
            let (clock, end, abort) = (Arc::clone(&clock), end.clone(), abort.clone());
            let runtime = runtime.clone();
            let thread = spawn(&name, move || run_filter(filter, &*clock, &abort, &runtime, &end))?;
            running.filters.push(Worker { name, thread, queue });
        }
        for (input, built) in opened {
            let name = Arc::clone(&input.name);
            let io = Io {
                lane: input.lane,
                intakes: input.intakes,
                stop: stop.clone(),
                notes: input.notes,
                runtime: runtime.clone(),
                clock: Arc::clone(&clock),
            };
            let (end, runner, ended) = (end.clone(), input.runner, Arc::clone(&name));
            let thread = spawn(&name, move || {
                let ended_by = match run_input(runner, built, &io) {
                    InputEnd::Finished => Ended::Finished,
                    InputEnd::Failed => Ended::Failed,
                };
                tell(&end, ended, ended_by);
            })?;
            running.inputs.push(Worker { name, thread, queue: None });
        }
        shared.the::<Readiness>().set(true);
        Ok(running)
    }

    /// Runs until `asked` says stop or a plugin fails, then stops in order: inputs, filters, outputs.
    pub fn run(self, asked: &Stop) -> Outcome {
        let mut failed = false;
        let measures = Measures::new(self.ledger.own(), &self.shared);
        let mut measured = Stamp(i64::MIN);
        while !asked.is_set() && !failed {
            match self.ends.recv_timeout(LOOK_UP) {
                Ok((name, Ended::Failed)) => {
                    tracing::error!("{name} has ended; the daemon stops");
                    failed = true;
                }
                Ok((name, Ended::Exited)) => {
                    tracing::warn!("{name} has ended; the daemon goes on without it");
                    self.router.remove(&name);
                }
                Ok((_, Ended::Finished)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    tracing::warn!("everything has ended; the daemon stops");
                    break;
                }
            }
            if self.shutdown.load(Ordering::Acquire) {
                tracing::error!(
                    "the queue of a consumer with on_full = \"shutdown\" is full; the daemon stops"
                );
                failed = true;
            }
            self.measure();
            let now = self.clock.now();
            if now.since(measured) >= MEASURE || now < measured {
                measures.measure();
                measured = now;
            }
        }
        let given_up = self.stop();
        Outcome { failed, given_up }
    }

    fn measure(&self) {
        for worker in self.filters.iter().chain(&self.outputs) {
            if let Some(waiting) = &worker.queue {
                waiting.measure();
            }
        }
    }

    fn stop(self) -> u64 {
        let deadline = self.clock.now().plus(self.stop_timeout);
        self.shared.the::<Readiness>().set(false);
        self.stop.set();
        // Whatever was late before it, everyone has a moment of its own.
        let moment = || deadline.max(self.clock.now().plus(LAST_CALL));
        self.wait_for(&self.inputs, moment());
        for filter in &self.filters {
            close(filter);
            self.wait_for(std::slice::from_ref(filter), moment());
        }
        self.outputs.iter().for_each(close);
        if !self.wait_for(&self.outputs, moment()) {
            self.abort.set();
            self.wait_for(&self.outputs, self.clock.now().plus(LAST_CALL));
        }
        self.abort.set();
        let servers = self.shared.the::<HttpServers>();
        self.runtime.block_on(servers.stop(LAST_CALL));
        self.runtime.block_on(self.shared.the::<Consoles>().stop(LAST_CALL));
        for worker in self.filters.iter().chain(&self.outputs).filter(|worker| !worker.thread.is_finished()) {
            tracing::error!("{} does not end; what it holds is lost", worker.name);
            drain(worker);
        }
        // What is still under way is with workers that did not end. If all have, `check_settled` is to say so.
        let mut workers = self.inputs.iter().chain(&self.filters).chain(&self.outputs);
        if workers.any(|worker| !worker.thread.is_finished()) {
            let joints = self.ledger.joints();
            joints.iter().for_each(|joint| joint.write_off(LossReason::StopDeadline));
        }
        self.ledger.lost(LossReason::StopDeadline)
    }

    /// Waits until all have ended or the deadline has passed; whether they have.
    fn wait_for(&self, workers: &[Worker], deadline: Stamp) -> bool {
        let ended = || workers.iter().all(|worker| worker.thread.is_finished());
        while !ended() && self.clock.now() < deadline {
            pause(&self.runtime, Duration::from_millis(2));
        }
        ended()
    }
}

fn serve(
    shared: &Shared,
    runtime: &tokio::runtime::Handle,
    listens: &[(Arc<str>, Endpoint)],
) -> Result<(), StartError> {
    let servers = shared.the::<HttpServers>();
    let bound = servers.start(runtime).map_err(|error| unbound("the HTTP server", error, listens))?;
    for (_, local) in bound {
        tracing::info!("serving http://{local}/; try: curl -s http://{local}/metrics");
    }
    let bound = shared.the::<Consoles>().start(runtime);
    let bound = bound.map_err(|error| unbound("a console", error, listens))?;
    for (_, local) in bound {
        tracing::info!(
            "answering commands on {local}/tcp; try: echo help | nc -q1 {} {}",
            local.ip(),
            local.port()
        );
    }
    Ok(())
}

/// Why a server of several sections could not be bound; those that stand in each other's way are named.
fn unbound(server: &str, error: BindError, listens: &[(Arc<str>, Endpoint)]) -> StartError {
    let Some(port) = error.held_by_itself() else {
        return StartError { section: server.to_owned(), source: error.into() };
    };
    let is_there =
        |endpoint: &Endpoint| endpoint.protocol == Protocol::Tcp && endpoint.address.port() == port;
    let there = listens.iter().filter(|(_, endpoint)| is_there(endpoint));
    let names: BTreeSet<String> = there.map(|(name, _)| format!("`{name}`")).collect();
    let names: Vec<String> = names.into_iter().collect();
    let message = format!("{error}: {} listen on that port", names.join(" and "));
    let help = Some("give one of them another port, or both the same address".to_owned());
    StartError { section: server.to_owned(), source: BuildError { message, help } }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    // The kernel shows 15 bytes of it.
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map_err(|error| StartError {
        section: name.to_owned(),
        source: BuildError::new(format!("its thread cannot be started: {error}")),
    })
}

fn run_filter(
    mut filter: FilterRunner,
    clock: &dyn Clock,
    abort: &Stop,
    runtime: &tokio::runtime::Handle,
    end: &Sender<(Arc<str>, Ended)>,
) {
    loop {
        let now = clock.now();
        match filter.step(now) {
            Step::Worked => {}
            Step::Idle { until } => filter.queue.wait_for_item(until.since(now)),
            Step::Pause { until } => pause(runtime, until.since(now).min(LOOK_UP)),
            Step::Blocked => {
                if let Some(feed) = filter.waiting_feed() {
                    match abort.is_set() {
                        true => feed.abandon(),
                        false => drop(feed.wait(LOOK_UP)),
                    }
                }
            }
            Step::Done(ended) => return tell(end, Arc::clone(&filter.name), ended),
        }
    }
}

fn run_output(mut output: OutputRunner, clock: &dyn Clock, abort: &Stop, end: &Sender<(Arc<str>, Ended)>) {
    loop {
        let now = clock.now();
        match output.step(now) {
            Step::Worked | Step::Blocked => {}
            Step::Idle { until } => output.queue.wait_for_item(until.since(now)),
            Step::Pause { until } => output.runtime.block_on(async {
                tokio::select! {
                    // A stop makes pauses shorter: it is looked for now and then.
                    () = tokio::time::sleep(until.since(now).min(LOOK_UP)) => {}
                    () = abort.wait() => {}
                }
            }),
            Step::Done(ended) => return tell(end, Arc::clone(&output.name), ended),
        }
    }
}

fn tell(end: &Sender<(Arc<str>, Ended)>, name: Arc<str>, ended: Ended) {
    // Nobody listens any more once the daemon stops, and then it does not matter.
    let _ = end.send((name, ended));
}

fn pause(runtime: &tokio::runtime::Handle, pause: Duration) {
    runtime.block_on(async { tokio::time::sleep(pause).await });
}

fn close(worker: &Worker) {
    if let Some(Waiting { queue, .. }) = &worker.queue {
        queue.close();
    }
}

fn drain(worker: &Worker) {
    if let Some(Waiting { queue, .. }) = &worker.queue {
        while let Some(delivery) = queue.pop() {
            delivery.settle(&[(LossReason::StopDeadline, delivery.len())]);
        }
    }
}

/// How often the process is measured.
const MEASURE: Duration = Duration::from_secs(1);

/// How long a thread waits before it looks whether to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What outputs and scrapes get after the deadline.
const LAST_CALL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;
    use crate::net::tcp_listener;

    #[test]
    fn sections_that_stand_in_each_others_way_are_named() {
        let held = tcp_listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = held.local_addr().unwrap();
        let listens: Vec<(Arc<str>, Endpoint)> =
            [("page", "::", address.port()), ("metrics", "127.0.0.1", address.port()), ("tcp", "::", 1)]
                .map(|(name, host, port)| {
                    (name.into(), Endpoint::new(Protocol::Tcp, &Address::new(host, port), "address"))
                })
                .into();
        let error = unbound("the HTTP server", tcp_listener(address).unwrap_err(), &listens);
        let wanted = format!(
            "the HTTP server: {address}/tcp is held by this process itself: `metrics` and `page` listen on that port"
        );
        assert_eq!(error.to_string(), wanted);
        let help = "give one of them another port, or both the same address";
        assert_eq!(error.source.help.as_deref(), Some(help));
    }
}
