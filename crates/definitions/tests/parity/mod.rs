//! The generator of files for signatures, and the comparison with clamscan.

pub(crate) mod corpus;
pub(crate) mod expression;
pub(crate) mod host;
pub(crate) mod judge;
pub(crate) mod make;
pub(crate) mod solve;
