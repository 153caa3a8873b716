//! Something asked of the outside world while the asker goes on: a connect, a look-up, a health check.
//!
//! A plugin that must not wait for a peer sends an errand and looks in on it later. In a trial an errand is done on the
//! spot, so that every run is the same; what the tape does not answer at once never comes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::task::JoinHandle;

use super::World;

/// A question under way. Dropped, it is given up.
#[derive(Debug)]
pub struct Errand<T>(State<T>);

#[derive(Debug)]
enum State<T> {
    UnderWay(JoinHandle<io::Result<T>>),
    Done(io::Result<T>),
    Fetched,
}

impl World {
    /// Begins `work`, which bounds its own time, in the background.
    ///
    /// # Panics
    /// Outside of the runtime: plugins are inside while they send and tick.
    pub fn errand<T: Send + 'static>(
        &self,
        work: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> Errand<T> {
        match self {
            World::Real => Errand(State::UnderWay(tokio::spawn(work))),
            World::Trial(_) => Errand(State::Done(at_once(work))),
        }
    }
}

impl<T> Errand<T> {
    /// What came of it; none while it is under way.
    ///
    /// # Panics
    /// If it was fetched before.
    pub fn fetch(&mut self) -> Option<io::Result<T>> {
        match self.poll_fetch(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    /// Waits for what comes of it.
    ///
    /// # Panics
    /// If it was fetched before.
    pub async fn wait(mut self) -> io::Result<T> {
        std::future::poll_fn(|context| self.poll_fetch(context)).await
    }

    fn poll_fetch(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if let State::UnderWay(task) = &mut self.0 {
            let Poll::Ready(ended) = Pin::new(task).poll(context) else { return Poll::Pending };
            self.0 = State::Done(ended.unwrap_or_else(|error| Err(io::Error::other(error))));
        }
        match std::mem::replace(&mut self.0, State::Fetched) {
            State::Done(done) => Poll::Ready(done),
            State::UnderWay(_) | State::Fetched => panic!("an errand is fetched once"),
        }
    }
}

impl<T> Drop for Errand<T> {
    fn drop(&mut self) {
        if let State::UnderWay(task) = &self.0 {
            task.abort();
        }
    }
}

fn at_once<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match std::pin::pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Tape;
    use super::*;

    #[test]
    fn a_real_errand_is_under_way_until_it_is_done() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (answer, question) = tokio::sync::oneshot::channel();
            let mut errand = World::Real.errand(async { question.await.map_err(io::Error::other) });
            assert!(errand.fetch().is_none());
            answer.send(7).unwrap();
            assert_eq!(errand.wait().await.unwrap(), 7);
        });
    }

    #[test]
    fn a_dropped_errand_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut answer, question) = tokio::sync::oneshot::channel::<u8>();
            drop(World::Real.errand(async { question.await.map_err(io::Error::other) }));
            answer.closed().await;
        });
    }

    #[test]
    fn an_errand_of_a_trial_is_done_on_the_spot_or_never() {
        let world = World::Trial(Arc::new(Tape::new()));
        assert_eq!(world.errand(async { Ok(7) }).fetch().unwrap().unwrap(), 7);
        let never = world.errand(std::future::pending::<io::Result<u8>>()).fetch().unwrap();
        assert_eq!(never.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
