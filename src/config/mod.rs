//! Reading and explaining configuration: files with their spans, sections, typed structs, and every mistake at once.
//!
//! The stages here are *read* ([`Sources`]), *sections* ([`sections`]) and *typed structs* ([`Section::typed`]). What
//! a section means to its neighbours (names, matchers, routes, addresses) is decided by the plan, which reports
//! through the same [`Problem`]. Reading opens nothing but the files named; nothing here is printed.

mod deserialize;
pub mod docs;
mod foreign;
mod problem;
mod render;
mod schema;
mod sections;
mod sources;
mod substitution;
mod suggestion;
mod text_map;
mod told;
mod typed;
pub mod units;
mod value;

#[cfg(test)]
mod tests;

pub use foreign::FOREIGN_KEYS;
pub use problem::{Note, Problem, ProblemKind, Problems, ReferenceError, Severity};
pub use render::{one_line, render};
pub use sections::{Section, Sections, sections};
pub use sources::{Location, Source, Sources, environment};
pub use suggestion::suggest;
pub use typed::{Check, Reading, Violation};
pub use units::{
    Address, AddressError, Bytes, Descriptor, DescriptorError, ListenAddress, Millis, OneOrMany, PercentText,
    Seconds, Target, flaw_of_socket, permissions,
};
