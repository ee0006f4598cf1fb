//! What the kernel and the runtime say about this process.
//!
//! Read from `/proc/self` alone: the unit hides the rest of `/proc`. What cannot be read is left
//! out rather than reported as zero.

use std::fs;

use super::exposition::{gauge, head, sample};
use crate::domain::Timestamp;

/// The kernel counts processor time for user space in hundredths of a second on every architecture
/// that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn write(text: &mut String, started_at: Timestamp) {
    let started = started_at.0 as f64 / 1e6;
    gauge(text, "process_start_time_seconds", "When the process started.", started);
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu) {
        let name = "process_cpu_seconds_total";
        head(text, name, "counter", "Processor time used, in user and kernel mode.");
        sample(text, name, &[], seconds);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(bytes) = kibibytes(&status, "VmRSS:") {
        gauge(text, "process_resident_memory_bytes", "Memory that is resident.", bytes);
    }
    if let Some(bytes) = kibibytes(&status, "VmSize:") {
        gauge(text, "process_virtual_memory_bytes", "Memory that is mapped.", bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Reading the folder holds one descriptor itself.
        let open = open.count().saturating_sub(1);
        gauge(text, "process_open_fds", "Open file descriptors.", open);
    }
    if let Some(most) = max_open_files() {
        gauge(text, "process_max_fds", "File descriptors that may be open.", most);
    }
}

pub(super) fn write_runtime(text: &mut String, runtime: &tokio::runtime::Handle) {
    let numbers = runtime.metrics();
    gauge(text, "tokio_workers", "Threads of the runtime.", numbers.num_workers());
    gauge(text, "tokio_alive_tasks", "Tasks that have not ended.", numbers.num_alive_tasks());
    let queued = numbers.global_queue_depth();
    gauge(text, "tokio_global_queue_depth", "Tasks that wait for a thread.", queued);
}

/// User and kernel time of `/proc/self/stat`. The second field is a name in parentheses that may
/// hold anything, so fields are counted behind the last one.
fn cpu(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let kernel: f64 = times.next()?.parse().ok()?;
    Some((user + kernel) / TICKS_PER_SECOND)
}

fn kibibytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// How many files this process may have open; `None` if there is no limit or it cannot be read.
pub(crate) fn max_open_files() -> Option<usize> {
    most_files(&fs::read_to_string("/proc/self/limits").ok()?)
}

fn most_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4 0 99 1 2";
        assert_eq!(cpu(stat), Some(2.0));
        assert_eq!(cpu("7 (x) S 1"), None);
        assert_eq!(cpu(""), None);
    }

    #[test]
    fn memory_and_limits_are_read_in_bytes_and_pieces() {
        let status = "Name:\tx\nVmSize:\t   20 kB\nVmRSS:\t    3 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(3072));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
        let limits = "Limit  Soft  Hard  Units\nMax open files            1024   4096   files\n";
        assert_eq!(most_files(limits), Some(1024));
        assert_eq!(most_files("Max open files unlimited unlimited files"), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let mut text = String::new();
        write(&mut text, Timestamp(0));
        for name in
            ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds "]
        {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} in\n{text}");
        }
    }
}
