//! ClamAV's signature formats, line by line, as its manual ("Creating signatures") and clamscan's
//! behaviour say.

pub(crate) mod hash;
pub(crate) mod ignore;
pub(crate) mod level;
