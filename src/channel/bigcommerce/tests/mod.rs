mod callbacks;
pub(super) mod calls;
mod fuzz;
pub(super) mod orders;
