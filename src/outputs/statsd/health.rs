//! Which members of the ring are up: each is asked on its admin port now and then.
//!
//! The question and what counts as an answer are those of the reference's proxy: `health`, and `up` somewhere in what
//! comes back. No connection, no answer in time, or another answer: the member is down until it says otherwise.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::net::{Errand, World};

/// All members.
pub(super) struct Health {
    world: Arc<World>,
    patience: Duration,
    members: Vec<Member>,
}

struct Member {
    host: String,
    port: u16,
    asked: Option<Errand<()>>,
    /// Why it is down.
    down: Option<String>,
}

/// A member that left or returned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Its number.
    pub(super) member: usize,
    /// Why it left; none if it returned.
    pub(super) why: Option<String>,
}

impl Health {
    /// Members by host and admin port, all taken to be up.
    pub(super) fn new(
        world: Arc<World>,
        patience: Duration,
        members: impl IntoIterator<Item = (String, u16)>,
    ) -> Health {
        let member = |(host, port)| Member { host, port, asked: None, down: None };
        Health { world, patience, members: members.into_iter().map(member).collect() }
    }

    /// Asks every member that is not being asked.
    pub(super) fn ask(&mut self) {
        for member in self.members.iter_mut().filter(|member| member.asked.is_none()) {
            let (world, host, port) = (Arc::clone(&self.world), member.host.clone(), member.port);
            let patience = self.patience;
            let question = async move {
                let asked = tokio::time::timeout(patience, is_up(&world, &host, port, patience)).await;
                asked.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            };
            member.asked = Some(self.world.errand(question));
        }
    }

    /// Hears what was answered since the last call: calls `checked` with each member and whether it is up, and gives
    /// those that left or returned.
    pub(super) fn hear(&mut self, mut checked: impl FnMut(usize, bool)) -> Vec<Change> {
        let mut changes = Vec::new();
        for (number, member) in self.members.iter_mut().enumerate() {
            let Some(answer) = member.asked.as_mut().and_then(Errand::fetch) else { continue };
            member.asked = None;
            let down = answer.err().map(|error| error.to_string());
            checked(number, down.is_none());
            if down.is_some() != member.down.is_some() {
                changes.push(Change { member: number, why: down.clone() });
            }
            member.down = down;
        }
        changes
    }

    /// Takes note that a member cannot be reached: it is down until it says otherwise when it is asked again. Whether it
    /// was up.
    pub(super) fn leave(&mut self, member: usize, why: &str) -> bool {
        let member = &mut self.members[member];
        // What it answers now may be older.
        member.asked = None;
        member.down.replace(why.to_owned()).is_none()
    }

    /// Whether this member is in the ring.
    pub(super) fn is_up(&self, member: usize) -> bool {
        self.members[member].down.is_none()
    }
}

async fn is_up(world: &World, host: &str, port: u16, patience: Duration) -> std::io::Result<()> {
    let mut connection = world.connect_tcp(host, port, patience).await?;
    connection.write_all(QUESTION).await?;
    let mut answer = [0; LONGEST_ANSWER];
    let mut length = 0;
    loop {
        let read = connection.read(&mut answer[length..]).await?;
        length += read;
        let heard = &answer[..length];
        if memchr::memmem::find(heard, UP).is_some() {
            return Ok(());
        }
        if read == 0 || heard.contains(&b'\n') || length == answer.len() {
            let heard = heard[..length.min(SHOWN)].trim_ascii().escape_ascii();
            return Err(std::io::Error::other(format!("it answers \"{heard}\"")));
        }
    }
}

const QUESTION: &[u8] = b"health\r\n";
const UP: &[u8] = b"up";
const LONGEST_ANSWER: usize = 512;
const SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Tape;

    #[test]
    fn members_leave_when_they_do_not_say_up_and_return_when_they_do() {
        let tape = Arc::new(Tape::new());
        let world = Arc::new(World::Trial(Arc::clone(&tape)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let members = [("a".to_owned(), 1), ("b".to_owned(), 2)];
        let mut health = Health::new(world, Duration::from_secs(1), members);
        let mut round = |answers: [&[u8]; 2]| {
            tape.reply("a:1", answers[0]);
            tape.reply("b:2", answers[1]);
            health.ask();
            let mut checks = Vec::new();
            let changes = health.hear(|member, up| checks.push((member, up)));
            (checks, changes, [health.is_up(0), health.is_up(1)])
        };
        let up: &[u8] = b"health: up\n";
        assert_eq!(round([up, up]), (vec![(0, true), (1, true)], vec![], [true, true]));
        let why = Some("it answers \"health: down\"".to_owned());
        let left = Change { member: 0, why };
        assert_eq!(round([b"health: down\n", up]), (vec![(0, false), (1, true)], vec![left], [false, true]));
        let late = Change { member: 1, why: Some("timed out".to_owned()) };
        assert_eq!(round([b"down\n", b""]), (vec![(0, false), (1, false)], vec![late], [false, false]));
        let back = |member| Change { member, why: None };
        assert_eq!(round([up, up]), (vec![(0, true), (1, true)], vec![back(0), back(1)], [true, true]));
        assert_eq!(tape.written("a:1"), b"health\r\n".repeat(4));
    }

    #[test]
    fn a_member_that_says_nothing_in_time_is_down() {
        // It takes the connection and is never asked for it.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let patience = Duration::from_millis(20);
        let mut health = Health::new(Arc::new(World::Real), patience, [("127.0.0.1".to_owned(), port)]);
        health.ask();
        let changes = runtime.block_on(async {
            loop {
                match health.hear(|_, _| {}) {
                    changes if changes.is_empty() => tokio::time::sleep(Duration::from_millis(1)).await,
                    changes => return changes,
                }
            }
        });
        assert_eq!(changes, [Change { member: 0, why: Some("timed out".to_owned()) }]);
    }
}
