mod callbacks;
mod calls;
mod fuzz;
mod orders;
