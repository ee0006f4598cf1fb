//! The private listener as its users meet it: a real database, real actors, a cart in memory.

mod cart;
mod fuzz;
mod idempotency;
mod isolation;
mod mending;
mod orders;
mod revisions;
mod roles;
mod runs;
mod sign_in;
mod stores;
mod world;
