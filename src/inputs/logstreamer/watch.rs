//! Wakes when something changes in a directory. It only wakes: what has changed is looked at, and what the system does
//! not tell (another host writes, a limit is reached) is seen a little later.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(target_os = "linux")]
pub(super) use linux::Watch;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Watch;

/// What has changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Files that were written to.
    pub(super) written: HashSet<PathBuf>,
    /// Whether names have come or gone.
    pub(super) names: bool,
    /// Whether more has changed than could be told.
    pub(super) all: bool,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::os::fd::AsFd;

    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

    use super::{Changes, Duration, HashSet, PathBuf};

    /// The directories that are watched.
    pub(in super::super) struct Watch {
        inotify: Option<Inotify>,
        directories: HashMap<WatchDescriptor, PathBuf>,
        by_path: HashMap<PathBuf, WatchDescriptor>,
        /// Why not all are watched; said once.
        advice: Option<String>,
    }

    impl Watch {
        pub(in super::super) fn new() -> Watch {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC);
            let advice = inotify.as_ref().err().map(|error| unwatched("max_user_instances", *error));
            let (directories, by_path) = (HashMap::new(), HashMap::new());
            Watch { inotify: inotify.ok(), directories, by_path, advice }
        }

        /// Watches these directories and no others. What an operator should know, once.
        pub(in super::super) fn directories(&mut self, all: &[PathBuf]) -> Option<String> {
            let Some(inotify) = &self.inotify else { return self.advice.take() };
            let wanted: HashSet<&PathBuf> = all.iter().collect();
            let gone: Vec<PathBuf> =
                self.by_path.keys().filter(|path| !wanted.contains(path)).cloned().collect();
            for path in gone {
                if let Some(watch) = self.by_path.remove(&path) {
                    self.directories.remove(&watch);
                    // The directory may be gone, and its watch with it.
                    let _ = inotify.rm_watch(watch);
                }
            }
            for path in all.iter().filter(|path| !self.by_path.contains_key(*path)).collect::<Vec<_>>() {
                match inotify.add_watch(path.as_path(), CHANGES) {
                    Ok(watch) => {
                        self.directories.insert(watch, path.clone());
                        self.by_path.insert(path.clone(), watch);
                    }
                    Err(Errno::ENOSPC) => return Some(unwatched("max_user_watches", Errno::ENOSPC)),
                    // It went meanwhile, or may not be read, which the scan says.
                    Err(_) => {}
                }
            }
            None
        }

        /// Waits for so long, and says what has changed.
        pub(in super::super) fn wait_out(&mut self, time: Duration) -> Changes {
            // A signal ends it early, which does no harm.
            let _ = poll(&mut [], PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX));
            self.wait(Duration::ZERO)
        }

        /// Waits until something changes, for so long at most.
        pub(in super::super) fn wait(&mut self, most: Duration) -> Changes {
            let mut changes = Changes::default();
            let timeout = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
            let Some(inotify) = &self.inotify else {
                // A signal ends it early, which does no harm.
                let _ = poll(&mut [], timeout);
                return changes;
            };
            let waited = poll(&mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)], timeout);
            if !waited.is_ok_and(|ready| ready > 0) {
                return changes;
            }
            while let Ok(events) = inotify.read_events() {
                if events.is_empty() {
                    break;
                }
                for event in events {
                    changes.all |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                    changes.names |= !event.mask.contains(AddWatchFlags::IN_MODIFY);
                    if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                        if let Some(path) = self.directories.remove(&event.wd) {
                            self.by_path.remove(&path);
                        }
                    } else if let (Some(directory), Some(name)) =
                        (self.directories.get(&event.wd), &event.name)
                    {
                        changes.written.insert(directory.join(name));
                    }
                }
            }
            changes
        }
    }

    fn unwatched(limit: &str, error: Errno) -> String {
        format!(
            "not every directory can be watched ({error}); new lines are seen at check_data_interval, new files at rescan_interval; to allow more: sysctl fs.inotify.{limit}"
        )
    }

    const CHANGES: AddWatchFlags = AddWatchFlags::IN_MODIFY
        .union(AddWatchFlags::IN_CREATE)
        .union(AddWatchFlags::IN_DELETE)
        .union(AddWatchFlags::IN_MOVED_FROM)
        .union(AddWatchFlags::IN_MOVED_TO)
        .union(AddWatchFlags::IN_ONLYDIR);
}

#[cfg(not(target_os = "linux"))]
mod other {
    use nix::poll::{PollTimeout, poll};

    use super::{Changes, Duration, PathBuf};

    /// Nothing is watched: everything is seen by looking.
    pub(in super::super) struct Watch;

    impl Watch {
        pub(in super::super) fn new() -> Watch {
            Watch
        }

        pub(in super::super) fn directories(&mut self, _: &[PathBuf]) -> Option<String> {
            None
        }

        pub(in super::super) fn wait_out(&mut self, time: Duration) -> Changes {
            self.wait(time)
        }

        pub(in super::super) fn wait(&mut self, most: Duration) -> Changes {
            // A signal ends it early, which does no harm.
            let _ = poll(&mut [], PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX));
            Changes::default()
        }
    }
}
