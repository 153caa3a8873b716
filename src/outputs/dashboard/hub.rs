//! Who has the page open, and what is sent to whom.
//!
//! Clients with the same glob share one choice, and one text a view. What a client does not take in time is dropped,
//! oldest first, and counted: events stand for themselves. With no client a view costs a lock and a look.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::events;
use super::pick::{Activity, Choice};
use crate::aggregate::Snapshot;
use crate::flow::{Count, Level};
use crate::lock::locked;
use crate::metric::{Registry, SeriesGlob};
use crate::net::http::Events;

/// The clients of one page.
pub(super) struct Hub {
    names: Arc<Registry>,
    max_clients: usize,
    inside: Mutex<Inside>,
    counts: Counts,
}

/// What is counted of clients.
pub(super) struct Counts {
    /// Clients there are.
    pub(super) clients: Level,
    /// Clients there was no room for.
    pub(super) refused: Count,
    /// Events that a slow client did not take in time.
    pub(super) skipped: Count,
}

#[derive(Default)]
struct Inside {
    clients: Vec<Client>,
    choices: Vec<(Arc<str>, Choice)>,
    activity: Activity,
    /// Aggregators by number, from 1 on.
    aggregators: Vec<Box<str>>,
    /// Number of the next client.
    next: u64,
    closed: bool,
}

struct Client {
    number: u64,
    glob: Arc<str>,
    /// Number of matching series when names were last sent; none after an event was dropped.
    listed: Option<usize>,
    mailbox: Arc<Mailbox>,
}

/// What waits for a client.
#[derive(Default)]
struct Mailbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<[u8]>>,
    waker: Option<Waker>,
    closed: bool,
}

impl Hub {
    /// Nobody yet.
    pub(super) fn new(names: Arc<Registry>, max_clients: usize, counts: Counts) -> Hub {
        counts.clients.set(0.0);
        Hub { names, max_clients, inside: Mutex::default(), counts }
    }

    /// Whether anybody would see a view.
    pub(super) fn is_watched(&self) -> bool {
        !locked(&self.inside).clients.is_empty()
    }

    /// Lets a client in, unless there are too many: the names its glob has now come first, then `greeting`.
    pub(super) fn join(
        self: &Arc<Hub>,
        glob: &str,
        pattern: SeriesGlob,
        greeting: &[u8],
    ) -> Option<Subscription> {
        let mut inside = locked(&self.inside);
        if inside.closed || inside.clients.len() >= self.max_clients {
            self.counts.refused.add(1);
            return None;
        }
        let known =
            inside.choices.iter().find(|(known, _)| **known == *glob).map(|(known, _)| Arc::clone(known));
        let glob: Arc<str> = known.unwrap_or_else(|| {
            let glob: Arc<str> = glob.into();
            inside.choices.push((Arc::clone(&glob), Choice::new(pattern)));
            glob
        });
        inside.next += 1;
        let (number, mailbox) = (inside.next, Arc::new(Mailbox::default()));
        mailbox.push(&Arc::from(RETRY));
        inside.clients.push(Client { number, glob, listed: None, mailbox: Arc::clone(&mailbox) });
        inside.resolve(&self.names, &self.counts);
        mailbox.push(&Arc::from(greeting));
        self.counts.clients.set(inside.clients.len() as f64);
        Some(Subscription { hub: Arc::clone(self), number, mailbox })
    }

    /// Sends what the aggregator `aggregator` has seen, to everybody what they have chosen of it.
    pub(super) fn show(&self, found: &Snapshot, aggregator: &str) {
        let mut inside = locked(&self.inside);
        if inside.clients.is_empty() {
            return;
        }
        let inside = &mut *inside;
        inside.resolve(&self.names, &self.counts);
        let owner = number_of(&mut inside.aggregators, aggregator);
        inside.activity.note(found, owner);
        for (glob, choice) in &mut inside.choices {
            choice.pick(found, &inside.activity, owner);
            let text: Arc<[u8]> = events::view(found, choice, &inside.activity, owner).into();
            for client in inside.clients.iter_mut().filter(|client| Arc::ptr_eq(&client.glob, glob)) {
                client.push(&text, &self.counts);
            }
        }
    }

    /// Sends `event` to everybody, and names where there are new ones.
    pub(super) fn tell(&self, event: Box<[u8]>) {
        let mut inside = locked(&self.inside);
        inside.resolve(&self.names, &self.counts);
        let event: Arc<[u8]> = event.into();
        for client in &mut inside.clients {
            client.push(&event, &self.counts);
        }
    }

    /// Ends every stream; nobody is let in any more.
    pub(super) fn close(&self) {
        let mut inside = locked(&self.inside);
        inside.closed = true;
        inside.clients.drain(..).for_each(|client| client.mailbox.close());
        self.counts.clients.set(0.0);
    }

    fn leave(&self, number: u64) {
        let mut inside = locked(&self.inside);
        let inside = &mut *inside;
        inside.clients.retain(|client| client.number != number);
        let clients = &inside.clients;
        inside.choices.retain(|(glob, _)| clients.iter().any(|client| Arc::ptr_eq(&client.glob, glob)));
        if clients.is_empty() {
            inside.activity = Activity::default();
        }
        self.counts.clients.set(clients.len() as f64);
    }
}

impl Inside {
    /// Matches new series, and sends the names of a choice to whoever has not seen them.
    fn resolve(&mut self, names: &Registry, counts: &Counts) {
        for (glob, choice) in &mut self.choices {
            choice.resolve(names);
            let mut text: Option<Arc<[u8]>> = None;
            let clients = self.clients.iter_mut().filter(|client| Arc::ptr_eq(&client.glob, glob));
            for client in clients.filter(|client| client.listed != Some(choice.names.len())) {
                client.listed = Some(choice.names.len());
                let text = text.get_or_insert_with(|| events::names(names, choice).into());
                client.push(text, counts);
            }
        }
    }
}

impl Client {
    fn push(&mut self, event: &Arc<[u8]>, counts: &Counts) {
        if self.mailbox.push(event) {
            counts.skipped.add(1);
            // It may have been the names.
            self.listed = None;
        }
    }
}

impl Mailbox {
    /// Puts an event in; whether another had to go for it.
    fn push(&self, event: &Arc<[u8]>) -> bool {
        let mut waiting = locked(&self.0);
        let full = waiting.events.len() >= WAITING;
        if full {
            waiting.events.pop_front();
        }
        waiting.events.push_back(Arc::clone(event));
        waiting.waker.take().inspect(Waker::wake_by_ref);
        full
    }

    fn close(&self) {
        let mut waiting = locked(&self.0);
        waiting.closed = true;
        waiting.waker.take().inspect(Waker::wake_by_ref);
    }
}

/// A client's end: it leaves when this is dropped.
pub(super) struct Subscription {
    hub: Arc<Hub>,
    number: u64,
    mailbox: Arc<Mailbox>,
}

impl Events for Subscription {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut waiting = locked(&self.mailbox.0);
        match waiting.events.pop_front() {
            Some(event) => Poll::Ready(Some(event.to_vec())),
            None if waiting.closed => Poll::Ready(None),
            None => {
                waiting.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(self.number);
    }
}

/// The number of an aggregator by its name, from 1 on.
fn number_of(aggregators: &mut Vec<Box<str>>, name: &str) -> u16 {
    let place = aggregators.iter().position(|known| **known == *name).unwrap_or_else(|| {
        aggregators.push(name.into());
        aggregators.len() - 1
    });
    u16::try_from(place + 1).unwrap_or(u16::MAX)
}

/// Events that wait for a client: some two seconds of them.
const WAITING: usize = 6;

/// Says after how many milliseconds to come again when the stream has ended.
const RETRY: &[u8] = b"retry:2000\n\n";

#[cfg(test)]
mod tests;
