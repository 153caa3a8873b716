//! Ctrl-C for subcommands that have something to say at their end.

use tokio::runtime::{Builder, Runtime};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

use crate::plugin::Stop;

/// Says stop when somebody presses Ctrl-C, or at SIGTERM, as long as the runtime lives.
pub(super) fn interrupted(stop: &Stop) -> std::io::Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stop = stop.clone();
    let entered = runtime.enter();
    #[cfg(unix)]
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    runtime.spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        stop.set();
    });
    drop(entered);
    Ok(runtime)
}
