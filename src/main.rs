//! The `hekad` binary: everything is in the library.

fn main() {
    println!("heka");
}
