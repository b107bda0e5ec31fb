//! Stand-ins for services that keep objects: installed below `target` at pinned versions, started on ports of their own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::shell::{python, root, run, target};

/// Installs both, unless they are there at these versions.
pub(crate) fn installed() -> Result<(), String> {
    moto()?;
    azurite()?;
    Ok(())
}

/// What stands in for S3, and for Google's service as far as both speak alike: reading is, conditions on writes are not,
/// and none was found that honours those and can be installed by name.
pub(crate) fn moto() -> Result<PathBuf, String> {
    let folder = place("moto");
    let program = folder.join("bin/moto_server");
    once(&folder, &program, "requirements.txt", |pins| {
        run(python().args(["-m", "venv", "--clear"]).arg(&folder))
            .map_err(|error| format!("{error}\nhint: apt-get install python3-venv"))?;
        let words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(Command::new(folder.join("bin/python")).args(words).arg(pins))
    })
}

/// What stands in for Azure Blob Storage.
pub(crate) fn azurite() -> Result<PathBuf, String> {
    let folder = place("azurite");
    let program = folder.join("node_modules/.bin/azurite-blob");
    once(&folder, &program, "package.json", |pins| {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        std::fs::copy(pins, folder.join("package.json")).map_err(failed)?;
        let words = [
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--ignore-scripts",
            "--loglevel=error",
        ];
        run(Command::new("npm").current_dir(&folder).args(words))
    })
}

fn place(name: &str) -> PathBuf {
    target().join("emulators").join(name)
}

/// Installs what is not there, or not as the pins say; the program.
fn once(
    folder: &Path,
    program: &Path,
    pins: &str,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let pins = root().join("xtask/emulators").join(pins);
    let wanted = std::fs::read_to_string(&pins).map_err(|error| format!("{}: {error}", pins.display()))?;
    let stamp = folder.join("installed.txt");
    if program.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(program.to_owned());
    }
    println!("installing {} into {}", pins.display(), folder.display());
    install(&pins)?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(program.to_owned())
}

/// A stand-in that runs, until this is dropped.
pub(crate) struct Emulator {
    child: Child,
    /// Such as `http://127.0.0.1:4000`.
    pub(crate) address: String,
}

impl Emulator {
    /// Starts S3's; what it says of requests goes into `log`.
    pub(crate) fn moto(log: &Path) -> Result<Self, String> {
        let mut command = Command::new(moto()?);
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        Self::start(command, log)
    }

    /// Starts Azure's, likewise.
    pub(crate) fn azurite(log: &Path) -> Result<Self, String> {
        let mut command = Command::new(azurite()?);
        command.args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]);
        command.args(["--disableTelemetry", "--skipApiVersionCheck"]);
        Self::start(command, log)
    }

    fn start(mut command: Command, log: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start a stand-in: {error}");
        let file = std::fs::File::create(log).map_err(failed)?;
        command.env("PYTHONUNBUFFERED", "1").stdin(Stdio::null());
        command.stdout(file.try_clone().map_err(failed)?).stderr(file);
        let mut child = command.spawn().map_err(failed)?;
        // It says where it listens once it does.
        for _ in 0..2_000 {
            let said = BufReader::new(std::fs::File::open(log).map_err(failed)?);
            let found = said.lines().map_while(Result::ok).find_map(|line| {
                let at = line
                    .find("http://127.0.0.1:")
                    .filter(|_| line.contains("isten") || line.contains("Running"))?;
                Some(line[at..].trim().to_owned())
            });
            if let Some(address) = found {
                return Ok(Self { child, address });
            }
            if child.try_wait().map_err(failed)?.is_some() {
                break;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        let said = std::fs::read_to_string(log).unwrap_or_default();
        Err(format!("a stand-in did not start: {}", crate::tool::tail(&said)))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
