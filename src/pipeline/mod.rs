//! Assembly: sections become a plan, a plan becomes machines, machines run on threads or are stepped in a trial.

mod addresses;
mod build;
mod builtin;
mod files;
mod matchers;
mod measure;
mod options;
mod plan;
mod read;
mod routes;
mod storage;
mod threads;
mod trial;
mod unheard;

pub use build::{Machines, Setting, StartError};
pub use builtin::builtin;
pub use options::{ConsumerOptions, Hekad, InputOptions, OutputOptions, SplitterOptions};
pub use plan::{Plan, PlannedConsumer, plan};
pub use routes::PlannedJoint;
pub use storage::{storage_conflicts, storage_schemas};
pub use threads::{Outcome, Running};
pub use trial::Trial;
