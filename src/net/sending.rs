//! What senders of lines share: writing with patience, noticing a closed connection, cutting datagrams at line ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::Connection;

/// A connection broke, or took nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Broken {
    /// Bytes it took before.
    pub written: usize,
    /// What it said; `TimedOut` if patience was at its end.
    #[source]
    pub error: io::Error,
}

/// Writes everything as long as some of it is taken within `patience`.
///
/// # Errors
/// How many bytes were taken before the connection broke.
pub async fn write_all(
    connection: &mut dyn Connection,
    bytes: &[u8],
    patience: Duration,
) -> Result<(), Broken> {
    let mut written = 0;
    while written < bytes.len() {
        let taken = tokio::time::timeout(patience, connection.write(&bytes[written..])).await;
        let taken = taken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match taken
            .and_then(|count| if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) })
        {
            Ok(count) => written += count,
            Err(error) => return Err(Broken { written, error }),
        }
    }
    connection.flush().await.map_err(|error| Broken { written, error })
}

/// Whether a peer that never sends anything has closed its end.
pub async fn is_closed(connection: &mut dyn Connection) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::ZERO, connection.read(&mut byte)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

/// What a peer that has nothing to say is heard to do.
#[derive(Debug)]
pub enum Hearing {
    /// It is there.
    Open,
    /// It has closed its end in order.
    Closed,
    /// The connection broke.
    Broken(io::Error),
}

/// Listens to a peer without waiting. What it says is dropped, so that it is not held up, and its end is not missed.
pub fn hear(connection: &mut dyn Connection) -> Hearing {
    let mut room = [0; 4096];
    for _ in 0..MOST_HEARD {
        let mut read = ReadBuf::new(&mut room);
        let context = &mut Context::from_waker(Waker::noop());
        match Pin::new(&mut *connection).poll_read(context, &mut read) {
            Poll::Pending => return Hearing::Open,
            Poll::Ready(Err(error)) => return Hearing::Broken(error),
            Poll::Ready(Ok(())) if read.filled().is_empty() => return Hearing::Closed,
            Poll::Ready(Ok(())) => {}
        }
    }
    Hearing::Open
}

/// Tells the peer that nothing more comes, without waiting.
pub fn end(connection: &mut dyn Connection) {
    let context = &mut Context::from_waker(Waker::noop());
    // Where it cannot be told now, it sees the end when the connection is dropped.
    let _ = Pin::new(connection).poll_shutdown(context);
}

/// Reads of what a peer says at once.
const MOST_HEARD: usize = 64;

/// Bytes of as many whole lines as fit `limit`, of one line if it alone is longer.
pub fn whole_lines(lines: &[u8], limit: usize) -> usize {
    if lines.len() <= limit {
        return lines.len();
    }
    match memchr::memrchr(b'\n', &lines[..limit]) {
        Some(end) => end + 1,
        None => memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Tape, World};
    use super::*;

    #[test]
    fn datagrams_end_at_line_ends() {
        assert_eq!(whole_lines(b"aaa\nbbb\nccc\n", 9), 8);
        assert_eq!(whole_lines(b"aaa\nbbb\n", 8), 8);
        assert_eq!(whole_lines(b"aaaaaaaaaaaa\nb\n", 4), 13);
    }

    #[test]
    fn a_broken_connection_says_how_much_it_took() {
        let tape = Arc::new(Tape::new());
        let world = World::Trial(Arc::clone(&tape));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            tape.break_after("peer:1", 4);
            let mut connection = world.connect_tcp("peer", 1, SOON).await.unwrap();
            assert!(!is_closed(&mut *connection).await);
            let broken = write_all(&mut *connection, b"abcdef", SOON).await.unwrap_err();
            assert_eq!((broken.written, broken.error.kind()), (4, io::ErrorKind::BrokenPipe));
            assert!(is_closed(&mut *connection).await);
        });
    }

    #[test]
    fn a_peer_that_takes_nothing_tires_patience() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            // Nobody reads at the other end, which is held open.
            let (mut near, _far) = tokio::io::duplex(4);
            let broken = write_all(&mut near, b"abcdef", Duration::from_millis(20)).await.unwrap_err();
            assert_eq!((broken.written, broken.error.kind()), (4, io::ErrorKind::TimedOut));
        });
    }

    const SOON: Duration = Duration::from_secs(10);
}
