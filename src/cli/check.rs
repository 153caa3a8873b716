//! `hekad check`: everything wrong with a configuration at once, and the routes it comes to.

use std::io::IsTerminal;

use super::CONFIGURATION;
use crate::config::render;
use crate::daemon::{Choice, load};
use crate::plugin::Plugins;

/// Checks a configuration; the exit code.
pub(super) fn check(choice: &Choice, routes: bool, plugins: &Plugins) -> u8 {
    let loaded = load(choice, plugins);
    let colour = std::io::stderr().is_terminal();
    if !loaded.problems.is_empty() {
        anstream::eprint!("{}", render(&loaded.problems, &loaded.sources, colour));
    }
    let Some(plan) = loaded.plan else { return CONFIGURATION };
    if routes {
        plan.joints.iter().for_each(|joint| anstream::println!("{joint}"));
        return 0;
    }
    let plural =
        |(what, count): (&&str, &usize)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" });
    let counts: Vec<String> = plan.counts().iter().map(plural).collect();
    anstream::println!("{} is right: {}", loaded.from, counts.join(", "));
    0
}
