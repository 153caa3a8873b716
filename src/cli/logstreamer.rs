//! `hekad logstreamer`: which files a `LogstreamerInput` finds, in which order it reads them, and where it is.
//!
//! Nothing is started, and a daemon that runs is not disturbed: its journals are read.

use std::fmt::Write;
use std::io::IsTerminal;

use super::{CONFIGURATION, RUNTIME};
use crate::config::render;
use crate::daemon::{Choice, base_dir, load, now};
use crate::plugin::{Plugins, Survey, Surveying};

/// Tells of every input that reads files; the exit code.
pub(super) fn tell(choice: &Choice, plugins: &Plugins) -> u8 {
    let loaded = load(choice, plugins);
    let Some(plan) = loaded.plan else {
        let colour = std::io::stderr().is_terminal();
        anstream::eprint!("{}", render(&loaded.problems, &loaded.sources, colour));
        return CONFIGURATION;
    };
    let base_dir = base_dir(&plan);
    let (mut any, mut code) = (false, 0);
    for input in &plan.inputs {
        let asked = Surveying { section: &input.name, base_dir: base_dir.as_deref(), now: now() };
        match input.declared.survey(&asked) {
            None => continue,
            Some(Ok(survey)) => anstream::print!("{}", told(&input.name, &survey)),
            Some(Err(error)) => {
                anstream::eprintln!("{}: {error}", input.name);
                code = RUNTIME;
            }
        }
        any = true;
    }
    if !any {
        anstream::println!("{} has no input that reads files", loaded.from);
    }
    code
}

fn told(section: &str, survey: &Survey) -> String {
    let Survey { streams, trouble } = survey;
    let plural = if streams.len() == 1 { "" } else { "s" };
    let mut out = format!("[{section}] {} stream{plural}\n", streams.len());
    for trouble in trouble {
        // A string takes every text.
        let _ = writeln!(out, "  ! {trouble}");
    }
    for stream in streams {
        let _ = match &stream.position {
            Some((path, offset)) => {
                writeln!(out, "  {}: at byte {offset} of {}", stream.name, path.display())
            }
            None => writeln!(out, "  {}: not begun", stream.name),
        };
        for trouble in &stream.trouble {
            let _ = writeln!(out, "    ! {trouble}");
        }
        for (path, size, stale) in &stream.files {
            let is_here = stream.position.as_ref().is_some_and(|(here, _)| here == path);
            let mark = if is_here { '>' } else { ' ' };
            let old = if *stale { ", older than oldest_duration" } else { "" };
            let _ = writeln!(out, "    {mark} {} ({size} bytes{old})", path.display());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::SurveyedStream;

    #[test]
    fn files_stand_in_order_with_a_mark_where_reading_is() {
        let stream = SurveyedStream {
            name: "web".to_owned(),
            position: Some(("/l/a.1".into(), 7)),
            files: vec![("/l/a.2".into(), 5, true), ("/l/a.1".into(), 9, false)],
            trouble: vec!["/l/a.2 cannot be read".to_owned()],
        };
        let other = SurveyedStream { name: "db".to_owned(), ..SurveyedStream::default() };
        let survey = Survey { streams: vec![stream, other], trouble: vec!["/l/b is a link".to_owned()] };
        assert_eq!(
            told("logs", &survey),
            "[logs] 2 streams\n  ! /l/b is a link\n  web: at byte 7 of /l/a.1\n    ! /l/a.2 cannot be read\n      /l/a.2 (5 bytes, older than oldest_duration)\n    > /l/a.1 (9 bytes)\n  db: not begun\n"
        );
    }
}
