//! Terminals: the screen, what is typed, and the connection to the server.

pub mod connection;
pub mod flow;
pub mod outgoing;
pub mod screen;
mod socket;
pub mod status;
pub mod typing;

use std::rc::Rc;

use leptos::prelude::*;

use connection::Connection;

/// The terminals of the workspace, in the layout's order. Copies share their state.
#[derive(Clone, Copy)]
pub struct Terminals {
    connections: StoredValue<Vec<Rc<Connection>>, LocalStorage>,
    /// The name of the terminal in front, if the layout shows one at a time.
    pub front: RwSignal<String>,
}

impl Terminals {
    #[must_use]
    pub fn new() -> Self {
        Self { connections: StoredValue::new_local(Vec::new()), front: RwSignal::new(String::new()) }
    }

    pub fn add(&self, connection: Rc<Connection>) {
        self.connections.try_update_value(|all| all.push(connection));
    }

    /// Closes a terminal and removes it.
    pub fn remove(&self, name: &str) {
        if let Some(connection) = self.find(name) {
            self.connections.try_update_value(|all| all.retain(|other| !Rc::ptr_eq(other, &connection)));
            connection.close();
        }
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<Rc<Connection>> {
        self.connections.try_with_value(|all| all.iter().find(|one| one.name() == name).cloned()).flatten()
    }

    #[must_use]
    pub fn all(&self) -> Vec<Rc<Connection>> {
        self.connections.try_get_value().unwrap_or_default()
    }
}
