//! How long it takes to say its version, how large it is, and what a process holds that does nothing.

use serde_json::{Value, json};

use super::{Row, Setting, mb, median, table};
use crate::measure;
use crate::tool::{Build, Tool};

/// Runs of which the median counts.
const RUNS: usize = 21;

pub(super) fn measure(_: &Setting) -> Result<Value, String> {
    let tool = Tool::build(Build::Release)?;
    let size = std::fs::metadata(&tool.path).map_err(|error| format!("the binary: {error}"))?.len();
    let (mut walls, mut peak) = (Vec::new(), 0);
    for _ in 0..RUNS {
        let (_, cost) = measure::run(tool.command(&crate::shell::root()).arg("--version"), &[0])?;
        walls.push(cost.seconds * 1e3);
        peak = peak.max(cost.peak);
    }
    let wall = median(walls);
    let idle = idle(&tool)?;
    table(
        &["", "measured", "aim"],
        &[
            Row("tidegate --version".into(), vec![format!("{wall:.1} ms"), "< 50 ms".into()]),
            Row("binary".into(), vec![mb(size), "< 60 MB".into()]),
            Row("watching an empty folder".into(), vec![mb(idle), "< 40 MB".into()]),
        ],
    );
    Ok(json!({"version_ms": wall, "binary_bytes": size, "idle_bytes": idle, "version_peak_bytes": peak}))
}

/// Memory of a process that watches an empty folder, once it no longer grows.
fn idle(tool: &Tool) -> Result<u64, String> {
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    let dir = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    std::fs::create_dir(dir.path().join("empty")).map_err(|error| format!("no folder: {error}"))?;
    let mut command = tool.command(dir.path());
    command.args(["index", "empty", "--watch", "--store", "idle.db", "--json"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("cannot start tidegate: {error}"))?;
    let (_sender, timer) = sync_channel::<()>(1);
    let _ = timer.recv_timeout(Duration::from_secs(2));
    let ended = child.try_wait().map_err(|error| format!("waiting: {error}"))?;
    let bytes = measure::high_water(child.id());
    let _ = child.kill();
    let _ = child.wait();
    match (ended, bytes) {
        (None, Some(bytes)) => Ok(bytes),
        (status, _) => Err(format!("`tidegate index --watch` did not keep watching ({status:?})")),
    }
}
