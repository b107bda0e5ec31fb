//! Indexes 5,000 objects of a bucket, kills `tidegate` while it reads, lets it go on, changes and deletes objects, some of
//! them between listing and reading, and has the result judged by the bucket, the requests and the store.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::crash::{Plan, in_a_folder, unwritable};
use crate::emulators::Emulator;
use crate::random::Random;
use crate::shell::{output, python, run as shell_run};
use crate::tool::{Tool, count, tail};

/// Objects of the bucket, and of the small one that memory is compared with.
const OBJECTS: u64 = 5_000;
const FEW: u64 = 500;
/// One that is read in several parts, in bytes.
const LONG: u64 = 18 << 20;
/// Memory that ten times as many objects may take beside what few take, in bytes. The store takes some of its own for ten
/// times as many documents, from a folder as from a bucket; what a listing of them all would take is not in it.
const MORE_MEMORY: u64 = 24 << 20;
/// Objects read at once, and those that may have been read and not stored at a kill.
const DOWNLOADS: u64 = 16;
const IN_HAND: u64 = DOWNLOADS + 512;
/// Runs that end before they could be killed, at most in a row.
const MOST_IDLE: u64 = 20;
/// The account of the stand-in for Azure, and the key that is printed in its documentation.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A bucket, the stand-in that keeps it, and what every request passes through; all end when this is dropped.
struct Bucket {
    dir: PathBuf,
    service: &'static str,
    kept: Emulator,
    proxy: Option<(Child, u64)>,
    objects: Map<String, Value>,
    /// Which objects change before which request for them.
    switch: Map<String, Value>,
}

impl Bucket {
    fn start(dir: &Path, service: &'static str, number: u64) -> Result<Self, String> {
        let log = dir.join("service.txt");
        let kept = if service == "azure" { Emulator::azurite(&log)? } else { Emulator::moto(&log)? };
        let (objects, switch) = (Map::new(), Map::new());
        let mut bucket = Self { dir: dir.to_owned(), service, kept, proxy: None, objects, switch };
        for at in 0..number {
            bucket.objects.insert(name(at), json!({ "state": 1, "size": 400 + at % 7 * 150 }));
        }
        bucket.objects.insert(name(number - 1), json!({ "state": 1, "size": LONG }));
        bucket.sync()?;
        bucket.connect()?;
        Ok(bucket)
    }

    fn upstream(&self) -> &str {
        self.kept.address.trim_start_matches("http://")
    }

    /// Brings the bucket to what it should hold.
    fn sync(&self) -> Result<(), String> {
        self.write("world.json", &json!({ "objects": self.objects, "switch": self.switch }))?;
        let mut command = python();
        command
            .args(["xtask/checker/bucket.py", "sync"])
            .arg(&self.dir)
            .args([self.service, self.upstream()]);
        shell_run(&mut command)
    }

    /// Starts what requests pass through anew, so that it knows what is to change.
    fn connect(&mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cannot start the proxy: {error}");
        self.disconnect();
        let mut command = python();
        command
            .args(["xtask/checker/bucket.py", "serve"])
            .arg(&self.dir)
            .args([self.service, self.upstream()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("a proxy without an output")?;
        BufReader::new(out).read_line(&mut line).map_err(failed)?;
        let port = line.trim().parse().map_err(|_| "the proxy did not say where it is")?;
        self.proxy = Some((child, port));
        Ok(())
    }

    fn disconnect(&mut self) {
        if let Some((mut child, _)) = self.proxy.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The command, as it is used with this bucket.
    fn command(&self, tool: &Tool, words: &[&str]) -> Command {
        let port = self.proxy.as_ref().map_or(0, |(_, port)| *port);
        let mut command = tool.command(&self.dir);
        let (scheme, path) = match self.service {
            "azure" => ("az", "/devstoreaccount1"),
            service => (service, ""),
        };
        let endpoint = format!("http://127.0.0.1:{port}{path}");
        command.args([
            "index",
            &format!("{scheme}://documents/"),
            "--endpoint",
            &endpoint,
            "--allow-private",
        ]);
        command.args(words);
        command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
        command.env("GOOGLE_SKIP_SIGNATURE", "true");
        command.env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT).env("AZURE_STORAGE_ACCOUNT_KEY", KEY);
        command
    }

    /// Indexes to the end; the report.
    fn index(&self, tool: &Tool) -> Result<Value, String> {
        let ran = crate::tool::finish(&mut self.command(tool, &["--json"]))?;
        if ran.code != Some(0) {
            return Err(format!("`index` ended with {:?}: {}", ran.code, tail(&ran.stderr)));
        }
        serde_json::from_str(&ran.stdout).map_err(|error| format!("no report: {error}"))
    }

    /// Requests so far.
    fn logged(&self) -> u64 {
        std::fs::read(self.dir.join("log.jsonl"))
            .map_or(0, |log| log.iter().filter(|byte| **byte == b'\n').count() as u64)
    }

    fn judge(&self, words: &[&str]) -> Result<Value, String> {
        let mut command = python();
        command.arg("xtask/checker/check_bucket.py").arg(&self.dir).arg(self.dir.join("tidegate.db"));
        let said = output(command.args([self.service, self.upstream()]).args(words))?;
        serde_json::from_str(&said).map_err(|error| format!("the judge said no JSON ({error}): {said}"))
    }

    fn write(&self, name: &str, value: &Value) -> Result<(), String> {
        let new = self.dir.join("new");
        std::fs::write(&new, value.to_string())
            .and_then(|()| std::fs::rename(new, self.dir.join(name)))
            .map_err(|error| unwritable(&error))
    }

    /// Changes some objects, deletes some, and has some change between listing and reading; how many of each, and the
    /// names of those that must be read.
    fn change(&mut self, random: &mut Random) -> Result<([u64; 3], Vec<String>), String> {
        let mut did = [0; 3];
        let mut read = Vec::new();
        let names: Vec<String> = self.objects.keys().cloned().collect();
        let long = name(OBJECTS - 1);
        for name in names {
            let state = self.objects[&name]["state"].as_u64().unwrap_or(1);
            let draw = if name == long { 4 } else { random.below(100) };
            match draw {
                0..4 => did[0] += 1,
                4 => {
                    // Once more before it is read, the long one between two of its parts.
                    self.switch.insert(name.clone(), json!(if name == long { 2 } else { 1 }));
                    did[2] += 1;
                }
                5 => {
                    self.objects.remove(&name);
                    did[1] += 1;
                    continue;
                }
                _ => continue,
            }
            self.objects[&name]["state"] = json!(state + 1);
            read.push(name);
        }
        self.sync()?;
        self.connect()?;
        Ok((did, read))
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.disconnect();
    }
}

/// Names of all kinds that a service and a terminal may stumble over.
fn name(at: u64) -> String {
    match at % 10 {
        0 => format!("deep/{}/{}/d {at}.html", at % 7, at % 13),
        1 => format!("größe/d{at}+{at}.html"),
        _ => format!("flat/d{at}.html"),
    }
}

/// The whole proof, over each service. Google's is asked in the dialect that it shares with S3.
pub(crate) fn prove(tool: &Tool, plan: &Plan) -> Result<String, String> {
    let mut told = Vec::new();
    for service in ["s3", "gs", "azure"] {
        let few = in_a_folder(plan, plan.seed, |dir| few(tool, dir, service))?;
        let said = in_a_folder(plan, plan.seed, |dir| round(tool, (dir, service), (plan, few)));
        told.push(said.map_err(|error| format!("{service}, seed {}: {error}", plan.seed))?);
    }
    Ok(told.join("\n"))
}

/// The memory that few objects take, in bytes.
fn few(tool: &Tool, dir: &Path, service: &'static str) -> Result<u64, String> {
    let bucket = Bucket::start(dir, service, FEW)?;
    let report = bucket.index(tool)?;
    accounted(&report, FEW)?;
    count(&report, "/peak_memory_bytes")
}

fn round(
    tool: &Tool,
    (dir, service): (&Path, &'static str),
    (plan, few): (&Plan, u64),
) -> Result<String, String> {
    let (mut random, start) = (Random::new(plan.seed), Instant::now());
    let mut bucket = Bucket::start(dir, service, OBJECTS)?;
    let kills = killed(tool, &bucket, (plan.kills, &mut random))?;
    let report = bucket.index(tool)?;
    accounted(&report, OBJECTS)?;
    let most = (kills * IN_HAND).to_string();
    let told = bucket.judge(&["--read-again", &most])?;
    // Memory is that of a run that reads everything, which the killed ones were not.
    let peak = whole(tool, &bucket)?;
    if peak > few + MORE_MEMORY {
        return Err(format!("{OBJECTS} objects took {peak} bytes of memory, {FEW} took {few}"));
    }
    let none = dir.join("none.json");
    bucket.write("none.json", &json!([]))?;
    let from = bucket.logged();
    let again = Instant::now();
    let report = bucket.index(tool)?;
    let again = again.elapsed();
    let unchanged = count(&report, "/records/unchanged")?;
    bucket.judge(&["--from", &from.to_string(), "--read-exactly", &none.to_string_lossy()])?;
    if unchanged != OBJECTS {
        return Err(format!("nothing changed, but the report says {report}"));
    }
    let ([changed, deleted, between], read) = bucket.change(&mut random)?;
    bucket.write("read.json", &json!(read))?;
    let from = bucket.logged();
    let report = bucket.index(tool)?;
    accounted(&report, OBJECTS)?;
    let [stored, removed] = ["/records/stored", "/records/deleted"].map(|pointer| count(&report, pointer));
    if (stored.clone()?, removed.clone()?) != (changed + between, deleted) {
        return Err(format!(
            "{} objects changed and {deleted} went, but the report says {report}",
            changed + between
        ));
    }
    let path = dir.join("read.json");
    let last = bucket.judge(&["--from", &from.to_string(), "--read-exactly", &path.to_string_lossy()])?;
    if last["refused"].as_u64() < Some(between) {
        return Err(format!(
            "{between} objects changed between listing and reading, and the service refused {last}"
        ));
    }
    Ok(format!(
        "{service}: {OBJECTS} objects, {kills} kills; {} requests, {} read again of at most {most} in hand at a kill; \
         {:.1} MB at the peak ({FEW} objects: {:.1} MB); the second run, {:.1} s, read nothing; then {changed} changed, \
         {deleted} deleted and {between} changed between listing and reading: none mixed, what is stored is what is in \
         the bucket; {:.0} s",
        told["requests"],
        told["again"],
        peak as f64 / 1e6,
        few as f64 / 1e6,
        again.as_secs_f64(),
        start.elapsed().as_secs_f64(),
    ))
}

/// The memory of a run into a store of its own, in bytes.
fn whole(tool: &Tool, bucket: &Bucket) -> Result<u64, String> {
    let ran = crate::tool::finish(&mut bucket.command(tool, &["--json", "--store", "sqlite:whole.db"]))?;
    let report: Value =
        serde_json::from_str(&ran.stdout).map_err(|_| format!("no report: {}", tail(&ran.stderr)))?;
    accounted(&report, OBJECTS)?;
    count(&report, "/peak_memory_bytes")
}

/// Runs it and kills it, so often; each time once it has asked for some more objects.
fn killed(tool: &Tool, bucket: &Bucket, (kills, random): (u64, &mut Random)) -> Result<u64, String> {
    let (mut done, mut idle) = (0, 0);
    while done < kills {
        let until = bucket.logged() + 10 + random.below(OBJECTS / kills.max(1));
        let mut command = bucket.command(tool, &["--quiet"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start it: {error}"))?;
        let ended = loop {
            if child.try_wait().map_err(|error| format!("waiting for it: {error}"))?.is_some() {
                break true;
            }
            if bucket.logged() >= until {
                break false;
            }
            std::thread::park_timeout(Duration::from_millis(3));
        };
        let _ = child.kill();
        let _ = child.wait();
        idle = if ended { idle + 1 } else { 0 };
        if idle > MOST_IDLE {
            return Err("every run ended before it could be killed".to_owned());
        }
        done += u64::from(!ended);
        bucket.judge(&["--stored-or-less"])?;
    }
    Ok(done)
}

/// Every object has one outcome, and none is left for later.
fn accounted(report: &Value, objects: u64) -> Result<(), String> {
    let [seen, pending, aside] =
        ["/records/seen", "/records/pending", "/records/quarantined"].map(|pointer| count(report, pointer));
    if (seen?, pending?, aside?) == (objects, 0, 0) {
        Ok(())
    } else {
        Err(format!("not all are accounted for: {report}"))
    }
}
