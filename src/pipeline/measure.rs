//! What the daemon measures of itself now and then: its queues, its process, its HTTP connections.

use std::sync::Arc;

use crate::flow::{Count, Delivery, Level, OwnMetrics, Queue};
use crate::net::{Connections, HttpServers};
use crate::plugin::Shared;

/// The metrics of the process and of its HTTP servers.
pub(super) struct Measures {
    servers: Arc<HttpServers>,
    accepted: Count,
    refused: Count,
    failed: Count,
    open: Level,
    #[cfg(unix)]
    process: process::Process,
}

/// The queue in front of a consumer, and the metrics of it.
pub(super) struct Waiting {
    pub(super) queue: Arc<Queue<Delivery>>,
    packs: Level,
    bytes: Level,
}

impl Measures {
    pub(super) fn new(own: &OwnMetrics, shared: &Shared) -> Measures {
        Measures {
            servers: shared.the(),
            accepted: own.counter("hekad_http_connections_total", &[]),
            refused: own.counter("hekad_http_refused_total", &[]),
            failed: own.counter("hekad_http_accept_errors_total", &[]),
            open: own.level("hekad_http_connections_open", &[]),
            #[cfg(unix)]
            process: process::Process::new(own),
        }
    }

    pub(super) fn measure(&self) {
        let connections: &Connections = self.servers.connections();
        self.accepted.raise_to(connections.accepted());
        self.refused.raise_to(connections.refused());
        self.failed.raise_to(connections.failed());
        self.open.set(connections.open() as f64);
        #[cfg(unix)]
        self.process.measure();
    }
}

impl Waiting {
    pub(super) fn new(own: &OwnMetrics, consumer: &str, queue: &Arc<Queue<Delivery>>) -> Waiting {
        let labels = [("consumer", consumer)];
        let (packs, bytes) = queue.limits();
        own.level("hekad_queue_max_packs", &labels).set(packs as f64);
        own.level("hekad_queue_max_bytes", &labels).set(bytes as f64);
        Waiting {
            queue: Arc::clone(queue),
            packs: own.level("hekad_queue_packs", &labels),
            bytes: own.level("hekad_queue_bytes", &labels),
        }
    }

    pub(super) fn measure(&self) {
        self.packs.set(self.queue.len() as f64);
        self.bytes.set(self.queue.weight() as f64);
    }
}

#[cfg(unix)]
mod process {
    //! Memory, CPU time and descriptors, from the kernel.

    use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};

    use crate::flow::{Level, OwnMetrics};

    pub(super) struct Process {
        memory: Level,
        cpu: Level,
        open: Level,
        most: Level,
    }

    impl Process {
        pub(super) fn new(own: &OwnMetrics) -> Process {
            Process {
                memory: own.level("hekad_process_resident_memory_bytes", &[]),
                cpu: own.level("hekad_process_cpu_seconds", &[]),
                open: own.level("hekad_process_open_fds", &[]),
                most: own.level("hekad_process_max_fds", &[]),
            }
        }

        /// What the system does not tell stays 0.
        pub(super) fn measure(&self) {
            if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
                let times = [usage.user_time(), usage.system_time()];
                self.cpu
                    .set(times.iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum());
            }
            if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
                self.most.set(soft as f64);
            }
            if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
                // One of them is the listing itself.
                self.open.set(open.count().saturating_sub(1) as f64);
            }
            if let Some(memory) =
                std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident)
            {
                self.memory.set(memory);
            }
        }
    }

    /// Bytes in the line `VmRSS:    1234 kB`.
    fn resident(status: &str) -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn memory_is_read_from_its_line() {
            assert_eq!(resident("Name:\thekad\nVmRSS:\t    1234 kB\nThreads:\t3\n"), Some(1_263_616.0));
            assert_eq!(resident("Name:\thekad\n"), None);
        }

        #[cfg(target_os = "linux")]
        #[test]
        fn every_measure_of_a_living_process_is_above_zero() {
            let own = OwnMetrics::default();
            let process = Process::new(&own);
            process.measure();
            for level in [&process.memory, &process.cpu, &process.open, &process.most] {
                assert!(level.value() > 0.0);
            }
        }
    }
}
