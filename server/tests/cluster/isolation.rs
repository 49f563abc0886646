//! Two learners at once on a real node.
