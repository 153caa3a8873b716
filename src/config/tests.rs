//! Scenarios of reading: text in, typed structs or problems out.
