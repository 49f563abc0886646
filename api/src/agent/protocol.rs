//! The versions of the protocol that a server or an agent speaks, and the one that two of them share.
//!
//! During a rolling update, servers and agents are of different releases: the agent of a running session is older
//! than a server that was just updated, and newer than one that is yet to be updated. Each side therefore names a
//! range of versions in its hello, and a link works as long as the two ranges overlap.
//!
//! # Changing the protocol
//!
//! - A field that the receiver may ignore, and whose absence has a meaning (`#[serde(default)]`), needs no new
//!   version.
//! - Anything else (a request, a reply, a frame, a field that must be understood) raises
//!   [`newest`](ProtocolRange::newest) in [`PROTOCOLS`]. The old way stays in place beside the new one. The server
//!   takes the new way only on links whose shared version allows it; an agent, which keeps no version per
//!   connection, takes it only in answer to a request that calls for it.
//! - [`oldest`](ProtocolRange::oldest) rises one release later at the earliest, and the old way is removed with it.
//!   Until then, servers and agents that are one version apart keep working together, and nobody loses a terminal.
//! - Hellos stay readable for good: without them, neither side could say why it refuses the other.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Reply, Request};

/// The versions that this release speaks, as a server and as an agent.
pub const PROTOCOLS: ProtocolRange = ProtocolRange { oldest: 3, newest: 4 };

/// The first version with [`FileRequest`](super::FileRequest): managing, searching and watching the learner's files.
pub const FILES_SINCE: u32 = 4;
/// The first version with [`Request::Connect`].
pub const CONNECTS_SINCE: u32 = 4;

/// A range of protocol versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolRange {
    /// The oldest version that is spoken.
    pub oldest: u32,
    /// The newest version that is spoken.
    pub newest: u32,
}

impl ProtocolRange {
    /// Returns the range that holds one version only.
    #[must_use]
    pub const fn single(version: u32) -> Self {
        Self { oldest: version, newest: version }
    }

    /// Reads the two fields of a hello: releases that know no ranges send a single version.
    #[must_use]
    pub fn of_hello(protocol: u32, protocols: Option<Self>) -> Self {
        protocols.unwrap_or(Self::single(protocol))
    }

    /// Returns the newest version that both ranges hold, or `None` if they do not overlap.
    #[must_use]
    pub fn shared_with(self, other: Self) -> Option<u32> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

impl fmt::Display for ProtocolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.oldest == self.newest {
            write!(f, "{}", self.newest)
        } else {
            write!(f, "{} to {}", self.oldest, self.newest)
        }
    }
}

impl Request {
    /// Returns the hello of a server that speaks these versions.
    #[must_use]
    pub fn hello(spoken: ProtocolRange) -> Self {
        Self::Hello { protocol: spoken.newest, protocols: Some(spoken) }
    }
}

impl Reply {
    /// Returns the hello of an agent that speaks these versions, for a server that speaks `asked`.
    ///
    /// The single version in it is the shared one, because servers that know no ranges compare it with their own.
    #[must_use]
    pub fn hello(spoken: ProtocolRange, asked: ProtocolRange, version: &str, boot_id: &str) -> Self {
        Self::Hello {
            protocol: spoken.shared_with(asked).unwrap_or(spoken.newest),
            protocols: Some(spoken),
            version: version.to_owned(),
            boot_id: boot_id.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(oldest: u32, newest: u32) -> ProtocolRange {
        ProtocolRange { oldest, newest }
    }

    #[test]
    fn two_ranges_share_the_newest_version_that_both_hold() {
        for (ours, theirs, shared) in [
            (range(3, 4), range(2, 3), Some(3)),
            (range(3, 4), range(4, 5), Some(4)),
            (range(3, 4), range(1, 9), Some(4)),
            (range(3, 4), range(5, 6), None),
            (range(3, 4), range(1, 2), None),
            // what no honest agent sends
            (range(3, 4), range(9, 1), None),
        ] {
            assert_eq!(ours.shared_with(theirs), shared, "{ours} and {theirs}");
            assert_eq!(theirs.shared_with(ours), shared, "{theirs} and {ours}");
        }
    }

    #[test]
    fn a_hello_of_a_release_that_knows_no_ranges_is_understood() {
        let Ok(Request::Hello { protocol, protocols }) =
            serde_json::from_str(r#"{"request":"hello","protocol":3}"#)
        else {
            panic!("not a hello");
        };
        assert_eq!(ProtocolRange::of_hello(protocol, protocols), range(3, 3));
        let Ok(Reply::Hello { protocol, protocols, .. }) =
            serde_json::from_str(r#"{"reply":"hello","protocol":3,"version":"0.1.0","boot_id":"x"}"#)
        else {
            panic!("not a hello");
        };
        assert_eq!(ProtocolRange::of_hello(protocol, protocols), range(3, 3));
    }

    #[test]
    fn a_server_that_knows_no_ranges_finds_its_own_version_in_an_agents_hello() {
        let asked = ProtocolRange::single(3);
        let json = serde_json::to_value(Reply::hello(range(3, 4), asked, "1", "x")).unwrap();
        assert_eq!(json["protocol"], 3);
        // and one that the agent does not know finds another
        let json = serde_json::to_value(Reply::hello(range(4, 5), asked, "1", "x")).unwrap();
        assert_eq!(json["protocol"], 5);
    }
}
