//! Where labs come from, and how their authors see them: real repositories, archives, registries and programs on this
//! machine. Needs neither database nor cluster.

mod archives;
mod artefacts;
mod preview;
mod repositories;
mod shelves;
mod supplies;
mod support;
