//! The strict reader of scrapes that the tests of `exposition` use, borrowed from there.

pub(crate) use heka::exposition::FamilyType;

#[path = "../../../src/exposition/lint.rs"]
pub(crate) mod lint;
