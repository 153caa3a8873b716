//! The bounded queue between a feed and a consumer, for threads and for tasks.
//!
//! Bounded by weight, and for those who can wait by items too: what they have ready is kept short. They are turned away at
//! 70 % of the weight already, so that those who cannot keep the rest (rsyslog's light delay mark).

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Patience;

/// A bounded first-in first-out queue.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    items: usize,
    weight: usize,
}

struct State<T> {
    items: VecDeque<(usize, T)>,
    weight: usize,
    closed: bool,
    pushers: Vec<Waker>,
}

/// What became of an offered item.
pub enum Offered<T> {
    /// The queue has it.
    Taken,
    /// No room for one of this patience; here it is back.
    Full(T),
    /// Nobody will take from this queue again.
    Closed(T),
}

impl<T> Queue<T> {
    /// A queue of at most `weight` bytes, to which those who can wait add only while it has fewer than `items` items; one
    /// item of any weight always fits an empty queue.
    pub fn new(items: usize, weight: usize) -> Queue<T> {
        let state = State { items: VecDeque::new(), weight: 0, closed: false, pushers: Vec::new() };
        Queue { state: Mutex::new(state), changed: Condvar::new(), items, weight }
    }

    /// Appends `item` if there is room; never blocks.
    pub fn offer(&self, item: T, weight: usize, patience: Patience) -> Offered<T> {
        let mut state = self.lock();
        if state.closed {
            return Offered::Closed(item);
        }
        if !self.has_room(&state, weight, patience) {
            return Offered::Full(item);
        }
        state.items.push_back((weight, item));
        state.weight += weight;
        drop(state);
        self.changed.notify_all();
        Offered::Taken
    }

    /// Takes the first item, if there is one.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        let (weight, item) = state.items.pop_front()?;
        state.weight -= weight;
        let pushers = std::mem::take(&mut state.pushers);
        drop(state);
        self.changed.notify_all();
        pushers.into_iter().for_each(Waker::wake);
        Some(item)
    }

    /// Waits until there is an item, the queue is closed, or `wait` has passed.
    pub fn wait_for_item(&self, wait: Duration) {
        let state = self.lock();
        if state.items.is_empty() && !state.closed {
            drop(
                self.changed
                    .wait_timeout_while(state, wait, |state| state.items.is_empty() && !state.closed)
                    .expect(NEVER_POISONED),
            );
        }
    }

    /// Waits until one who can wait finds room for `weight`, the queue is closed, or `wait` has passed.
    pub fn wait_for_room(&self, weight: usize, wait: Duration) {
        let state = self.lock();
        let full = |state: &mut State<T>| !state.closed && !self.has_room(state, weight, Patience::Waits);
        drop(self.changed.wait_timeout_while(state, wait, full).expect(NEVER_POISONED));
    }

    /// Ready when one who can wait finds room for `weight`, or the queue is closed.
    pub fn poll_room(&self, weight: usize, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.closed || self.has_room(&state, weight, Patience::Waits) {
            return Poll::Ready(());
        }
        if !state.pushers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.pushers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Refuses further items; what is queued can still be taken.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let pushers = std::mem::take(&mut state.pushers);
        drop(state);
        self.changed.notify_all();
        pushers.into_iter().for_each(Waker::wake);
    }

    /// Number of items queued.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Weight of what is queued.
    pub fn weight(&self) -> usize {
        self.lock().weight
    }

    /// Items at which those who can wait are turned away, and the weight that it holds at most.
    pub fn limits(&self) -> (usize, usize) {
        (self.items, self.weight)
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn has_room(&self, state: &State<T>, weight: usize, patience: Patience) -> bool {
        if state.items.is_empty() {
            return true;
        }
        match patience {
            Patience::Waits => {
                state.items.len() < self.items && state.weight + weight <= self.weight / 10 * 7
            }
            Patience::Cannot => state.weight + weight <= self.weight,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect(NEVER_POISONED)
    }
}

const NEVER_POISONED: &str = "no code panics while it holds the lock of a queue";

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<T>(offered: Offered<T>) -> bool {
        matches!(offered, Offered::Taken)
    }

    #[test]
    fn who_can_wait_leaves_the_last_thirty_percent_to_who_cannot() {
        let queue = Queue::new(100, 1000);
        for item in 0..7 {
            assert!(taken(queue.offer(item, 100, Patience::Waits)));
        }
        assert!(matches!(queue.offer(7, 100, Patience::Waits), Offered::Full(7)));
        for item in 7..10 {
            assert!(taken(queue.offer(item, 100, Patience::Cannot)));
        }
        assert!(matches!(queue.offer(10, 100, Patience::Cannot), Offered::Full(10)));
        assert_eq!((0..10).map(|_| queue.pop()).collect::<Vec<_>>(), (0..10).map(Some).collect::<Vec<_>>());
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn items_bound_who_can_wait_and_nobody_else() {
        let queue = Queue::new(2, 1000);
        assert!(taken(queue.offer(0, 1, Patience::Waits)));
        assert!(taken(queue.offer(1, 1, Patience::Waits)));
        assert!(matches!(queue.offer(2, 1, Patience::Waits), Offered::Full(2)));
        for item in 2..1000 {
            assert!(taken(queue.offer(item, 1, Patience::Cannot)));
        }
        assert!(matches!(queue.offer(1000, 1, Patience::Cannot), Offered::Full(1000)));
    }

    #[test]
    fn weight_bounds_the_queue_but_a_heavy_item_fits_an_empty_one() {
        let queue = Queue::new(10, 100);
        assert!(taken(queue.offer('a', 500, Patience::Cannot)));
        assert!(matches!(queue.offer('b', 1, Patience::Cannot), Offered::Full('b')));
        queue.pop();
        assert!(taken(queue.offer('b', 60, Patience::Cannot)));
        assert!(matches!(queue.offer('c', 20, Patience::Waits), Offered::Full('c')));
        assert!(taken(queue.offer('c', 20, Patience::Cannot)));
    }

    #[test]
    fn who_waits_for_room_waits_for_as_much_as_it_needs() {
        let queue = Queue::new(10, 100);
        assert!(taken(queue.offer('a', 60, Patience::Waits)));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(queue.poll_room(5, &mut context), Poll::Ready(()));
        assert_eq!(queue.poll_room(20, &mut context), Poll::Pending);
        assert_eq!(queue.poll_room(20, &mut context), Poll::Pending);
        assert_eq!(queue.lock().pushers.len(), 1);
        queue.pop();
        assert_eq!(queue.poll_room(20, &mut context), Poll::Ready(()));
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_has_and_takes_nothing() {
        let queue = Queue::new(10, 100);
        assert!(taken(queue.offer(1, 0, Patience::Cannot)));
        queue.close();
        assert!(matches!(queue.offer(2, 0, Patience::Cannot), Offered::Closed(2)));
        assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
    }

    #[test]
    fn a_waiting_thread_wakes_when_an_item_comes() {
        let queue = Queue::new(10, 100);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                queue.wait_for_item(Duration::from_secs(10));
                queue.pop()
            });
            assert!(taken(queue.offer(5, 0, Patience::Cannot)));
            assert_eq!(waiter.join().expect("the waiter ends"), Some(5));
        });
    }
}
