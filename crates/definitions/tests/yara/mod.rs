//! Parts of the comparison with yara.

pub(crate) mod corpus;
pub(crate) mod judge;
pub(crate) mod made;
