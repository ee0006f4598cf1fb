//! What every backend proves: each fact of the port is one test, named for what it proves, and runs
//! on all of them. A new backend is one more [`Backend`].

mod commits;
mod deliveries;
mod events;
mod memory;
mod orders;
mod property;
mod stores;
mod tasks;
mod world;

use world::{Backend, World, commit, entry, event, order, recorded, row};
