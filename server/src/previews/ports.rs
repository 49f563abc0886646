//! The ports under which applications are reached where there is no domain: each given to one while it is used.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::address::App;
use crate::config::previews::PreviewSite;

/// After how long without a request another application may get a port.
const KEPT: Duration = Duration::from_secs(30 * 60);

/// Who has which port.
#[derive(Debug, Default)]
pub(super) struct Ports {
    range: Option<RangeInclusive<u16>>,
    given: Mutex<HashMap<u16, (App, Instant)>>,
}

impl Ports {
    pub(super) fn of(site: &PreviewSite) -> Self {
        let range = if let PreviewSite::Ports(range) = site { Some(range.clone()) } else { None };
        Self { range, given: Mutex::default() }
    }

    /// Returns the application that has a port, and notes that the port is in use.
    pub(super) fn find(&self, port: u16) -> Option<App> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let (app, used) = given.get_mut(&port)?;
        *used = Instant::now();
        Some(app.clone())
    }

    /// Returns the application's port, which it has from now on: a free one, else the one that was unused for the longest.
    /// `None` if all are in use.
    pub(super) fn give(&self, app: &App) -> Option<u16> {
        self.give_at(app, Instant::now())
    }

    fn give_at(&self, app: &App, now: Instant) -> Option<u16> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let own = given.iter().find(|(_, (owner, _))| owner == app).map(|(port, _)| *port);
        let port = own.or_else(|| {
            let mut range = self.range.clone()?;
            range.find(|port| !given.contains_key(port)).or_else(|| {
                let unused = given.iter().filter(|(_, (_, used))| now.duration_since(*used) > KEPT);
                unused.min_by_key(|(_, (_, used))| *used).map(|(port, _)| *port)
            })
        })?;
        given.insert(port, (app.clone(), now));
        Some(port)
    }
}

#[cfg(test)]
mod tests {
    use lectern_api::ids::SessionId;

    use super::*;

    #[test]
    fn each_application_keeps_a_port_of_its_own_while_it_is_used() {
        let ports = Ports::of(&PreviewSite::Ports(18100..=18101));
        let app = |host: &str| App { session: SessionId::new(), host: host.to_owned() };
        let (a, b, c) = (app("a"), app("b"), app("c"));
        assert_eq!((ports.give(&a), ports.give(&b), ports.give(&a)), (Some(18100), Some(18101), Some(18100)));
        assert_eq!(ports.give(&c), None);
        assert_eq!(ports.find(18101), Some(b));
        let later = Instant::now() + KEPT + Duration::from_secs(1);
        assert_eq!(ports.give_at(&c, later), Some(18100));
        assert_eq!(ports.find(18100), Some(c));
        assert_eq!(Ports::of(&PreviewSite::Off).give(&a), None);
    }
}
