//! How `attach` and `serve` meet: the socket, and the bytes that are exchanged on it before anything else.

/// The name of the agent's socket in a workbench. It is an abstract name in the pod's network namespace: unlike a file,
/// nobody can remove it or replace it with another.
pub const SOCKET: &str = "lectern-agent";

/// Sent by `attach` together with its two descriptors, to offer them to the agent.
pub const OFFER: u8 = b'F';
/// The agent's answer if it took the descriptors.
pub const TAKEN: u8 = b'+';
/// The agent's answer if it cannot use the descriptors and expects the bytes to be copied.
pub const COPY: u8 = b'-';
