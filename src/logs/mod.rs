//! What lines of logs say: stamps in layouts of Go, formats of access logs, templates of messages.
//!
//! Pure: what time it is now, and what a time zone is, is told.

mod layout;
mod nginx;
mod template;
mod user_agent;

pub use layout::{Civil, Item, Layout, LayoutError, parse_forgiving};
pub use nginx::{AccessFormat, FormatError, LineError, UserAgents};
pub use template::{Template, TemplateError, parse_uuid};
pub use user_agent::{UserAgent, user_agent};
