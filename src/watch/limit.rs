//! placeholder
pub struct WorkerLimits {
    pub max_old_generation_size_mb: Option<f64>,
    pub max_young_generation_size_mb: Option<f64>,
}
pub struct LimitSources<'a> {
    pub exec_argv: &'a [String],
    pub node_options: &'a str,
    pub v8_version: &'a str,
    pub heap_size_limit: u64,
    pub worker: Option<WorkerLimits>,
}
pub fn old_generation_limit(s: &LimitSources<'_>) -> u64 {
    for a in s.exec_argv {
        if let Some(v) = a.strip_prefix("--max-old-space-size=") {
            return v.parse::<u64>().unwrap_or(0) << 20;
        }
    }
    s.heap_size_limit
}
