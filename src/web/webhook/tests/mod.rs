//! Every answer of the public front, over real connections.

mod answers;
mod fuzz;
mod limits;
pub(in crate::web) mod world;
