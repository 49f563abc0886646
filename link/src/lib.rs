//! The multiplexed stream between server and agent.
