//! What `hekad logstreamer` tells: the streams there are, in which order their files are read, and where reading is.

use super::Config;
use super::input::scanner;
use super::journals::Journals;
use super::open::open_file;
use crate::plugin::{BuildError, Survey, SurveyedStream, Surveying};
use crate::tail::Order;

/// Looks without touching anything.
pub(super) fn survey(config: &Config, asked: &Surveying<'_>) -> Result<Survey, BuildError> {
    let failed = |error| BuildError {
        message: format!("{} cannot be read: {error}", config.log_directory.display()),
        help: None,
    };
    let scan = scanner(config, asked.section)?.settled(asked.now).map_err(failed)?;
    let journals =
        asked.base_dir.map(|base_dir| Journals::new(base_dir, &config.journal_directory, asked.section));
    let nothing = scan.nothing();
    let mut trouble = scan.trouble;
    let mut streams = Vec::new();
    for (name, order) in scan.streams {
        let mut stream = SurveyedStream { name, ..SurveyedStream::default() };
        match journals.as_ref().map(|journals| journals.position(&stream.name)) {
            Some(Ok(position)) => {
                stream.position = position.map(|position| (position.path, position.offset));
            }
            Some(Err(unusable)) => stream.trouble.push(unusable.to_string()),
            None => {}
        }
        match order {
            Order::Known(slots) => {
                for file in slots.into_iter().flat_map(|slot| slot.files) {
                    if let Some(trouble) = trouble.remove(&file.path) {
                        stream.trouble.push(trouble.told(&file.path));
                    }
                    if let Err(error) = open_file(&scan.root, &file.path, &config.follow_links.0) {
                        stream.trouble.push(format!("{} cannot be read: {error}", file.path.display()));
                    }
                    stream.files.push((file.path, file.size, file.stale));
                }
            }
            Order::Unknown(paths) => {
                stream.trouble.push("several files and no `priority` to put them in order".to_owned());
                stream.files.extend(paths.into_iter().map(|path| (path, 0, false)));
            }
        }
        streams.push(stream);
    }
    let trouble = trouble.iter().map(|(path, trouble)| trouble.told(path)).chain(nothing).collect();
    Ok(Survey { streams, trouble })
}
