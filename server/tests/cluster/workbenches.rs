//! Workbenches on a real node: how they start, how they fail, the stream to their agent.
