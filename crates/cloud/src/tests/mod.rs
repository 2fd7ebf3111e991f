//! The cloud through its public face, over the real protocol.

mod enrolment;
mod faults;
mod pinged;
mod surface;
mod world;
