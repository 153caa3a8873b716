//! Words: constants, and what a file may ask about the machine.

use super::reader::{Reader, Taken, joined};
use super::value::{Asked, Js};
use crate::import::{SyntaxError, Template};

impl Reader<'_> {
    /// Words: constants, and what may be asked about the machine.
    pub(super) fn word(&mut self) -> Result<Js, SyntaxError> {
        let start = self.at;
        let Some(word) = self.identifier() else {
            return Err(self.error("a value is expected here"));
        };
        match word.as_str() {
            "true" => Ok(Js::Bool(true)),
            "false" => Ok(Js::Bool(false)),
            "null" => Ok(Js::Null),
            "undefined" => Ok(Js::Undefined),
            "Infinity" => Ok(Js::Number(f64::INFINITY)),
            "process" if self.take(".env") => self.environment(),
            "require" => self.required(start),
            "os" if self.take(".hostname()") => Ok(self.hostname()),
            "parseInt" | "parseFloat" | "Number" => {
                let arguments = self.arguments()?;
                if let Some(Js::Asked(asked)) = arguments.first()
                    && let Some(number) = asked.number()
                {
                    return Ok(Js::Asked(Box::new(number)));
                }
                let arguments = self.all_now(arguments);
                let number = arguments.first().and_then(Js::number);
                let whole = |number: f64| if word == "parseInt" { number.trunc() } else { number };
                Ok(number.map_or(Js::Undefined, |number| Js::Number(whole(number))))
            }
            "String" => {
                let argument = self.arguments()?.into_iter().next();
                match argument {
                    Some(asked @ Js::Asked(_)) => Ok(asked),
                    argument => {
                        Ok(Js::Text(argument.map(|value| self.now(value).text()).unwrap_or_default()))
                    }
                }
            }
            _ => Err(SyntaxError::at(
                self.text,
                start,
                format!("`{word}` would have to be run, which is not done; write its value in its place"),
            )),
        }
    }

    /// `process.env.NAME`, `process.env['NAME']`
    fn environment(&mut self) -> Result<Js, SyntaxError> {
        self.blanks()?;
        let name = match () {
            () if self.take(".") => self.identifier().unwrap_or_default(),
            () if self.take("[") => {
                let name = self.expression()?.value;
                let name = self.now(name).text();
                self.expect("]", "after the name a")?;
                name
            }
            () => return Err(self.error("the name of a variable is expected: process.env.NAME")),
        };
        let value = (self.machine.environment)(&name);
        let asked = Js::Asked(Box::new(Asked::variable(name.clone(), value)));
        Ok(if Template::can_refer(&name) { asked } else { self.now(asked) })
    }

    /// The name of this host, which another one does not have: that it was taken is noted.
    fn hostname(&mut self) -> Js {
        let (key, line) = (joined(&self.path), self.line());
        let value = self.machine.hostname.to_owned();
        self.taken.push(Taken { key, line, name: HOSTNAME.to_owned(), value: Some(value.clone()) });
        Js::Text(value)
    }

    /// `require('os').hostname()`
    fn required(&mut self, start: usize) -> Result<Js, SyntaxError> {
        let arguments = self.arguments()?;
        self.blanks()?;
        let is_os = matches!(&arguments[..], [Js::Text(module)] if module == "os" || module == "node:os");
        if is_os && self.take(".hostname") {
            self.arguments()?;
            return Ok(self.hostname());
        }
        let message = "only require('os').hostname() is understood; write the value in its place";
        Err(SyntaxError::at(self.text, start, message))
    }
}

/// What stands for the name of the host where it was taken; no variable is called so.
pub(in crate::import) const HOSTNAME: &str = "hostname()";
