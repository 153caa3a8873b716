//! The `hekad` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    heka::cli::main(heka::pipeline::builtin())
}
