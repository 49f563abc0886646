//! Terminals: what is typed, what is shown, and the connection between.

pub mod connection;
pub mod flow;
pub mod outgoing;
pub mod screen;
mod socket;
pub mod status;
pub mod typing;

use std::collections::BTreeMap;
use std::rc::Rc;

use leptos::prelude::*;

use connection::Connection;

/// The terminals of the workspace by name.
#[derive(Clone, Copy)]
pub struct Terminals {
    connections: StoredValue<BTreeMap<String, Rc<Connection>>, LocalStorage>,
    /// The terminal that is in front, where only one is.
    pub front: RwSignal<String>,
}

impl Terminals {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { connections: StoredValue::new_local(BTreeMap::new()), front: RwSignal::new(String::new()) }
    }

    /// Adds a terminal.
    pub fn add(&self, name: &str, connection: Rc<Connection>) {
        self.connections.try_update_value(|all| all.insert(name.to_owned(), connection));
    }

    /// Closes a terminal's connection and forgets it.
    pub fn remove(&self, name: &str) {
        if let Some(connection) = self.connections.try_update_value(|all| all.remove(name)).flatten() {
            connection.close();
        }
    }

    /// The terminal of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Rc<Connection>> {
        self.connections.try_with_value(|all| all.get(name).cloned()).flatten()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Rc<Connection>> {
        self.connections.try_with_value(|all| all.values().cloned().collect()).unwrap_or_default()
    }
}
