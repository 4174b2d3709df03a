//! The targets of the spans that become traces (docs/traces.md). Logs never contain these spans.

/// The target of a span within a trace. It is disabled outside of one.
pub const TRACES: &str = "traces";

/// The target of the first span of a trace on this node, which is made for sampled traces only.
pub const TRACE_ROOTS: &str = "traces::roots";
