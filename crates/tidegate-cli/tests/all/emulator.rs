//! Stand-ins for services that keep objects, each a process of its own: moto for S3, Azurite for Azure.
//!
//! Google's is spoken to in the dialect that it shares with S3, for which moto stands in too: listings, parts of objects,
//! and conditions on what is read are the same words. What it has of its own, conditions on what is written above all, no
//! stand-in honours that can be installed by name; so an output there is not shown here.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::world::{World, until};

/// Which service is stood in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Gs,
    Azure,
}

/// The account that Azurite has, and the key that is printed in its documentation.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// A token signed with that key: everything, until 2099.
const TOKEN: &str = "sv=2021-08-06&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00%3A00%3A00Z&spr=https%2Chttp\
                     &sig=kV1%2FDJNn7340SUtIltqF6L9gEwifTOYTqBxfQeMSrhM%3D";
/// The bucket that tests use.
pub(crate) const BUCKET: &str = "documents";

/// A stand-in with an empty bucket; ends when it is dropped.
pub(crate) struct Emulator {
    service: Service,
    child: Child,
    authority: String,
    log: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Emulator {
    pub(crate) fn start(service: Service) -> Self {
        let (program, words): (_, &[&str]) = match service {
            Service::S3 | Service::Gs => ("moto/bin/moto_server", &["-H", "127.0.0.1", "-p", "0"]),
            Service::Azure => (
                "azurite/node_modules/.bin/azurite-blob",
                &[
                    "--blobHost",
                    "127.0.0.1",
                    "--blobPort",
                    "0",
                    "--inMemoryPersistence",
                    "--disableTelemetry",
                    "--skipApiVersionCheck",
                ],
            ),
        };
        let program = installed(program);
        let mut command = Command::new(&program);
        command.args(words).env("PYTHONUNBUFFERED", "1");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let log = Arc::<Mutex<Vec<String>>>::default();
        let pipes: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let readers = pipes.map(|pipe| {
            let log = log.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    log.lock().unwrap().push(line);
                }
            })
        });
        let authority = until("the stand-in listens", || {
            let log = log.lock().unwrap();
            let mut said = log.iter().filter(|line| line.contains("listens") || line.contains("Running"));
            said.find_map(|line| Some(line.split_once("http://")?.1.trim().to_owned()))
        });
        let emulator = Self { service, child, authority, log, readers: readers.into() };
        let query = if service == Service::Azure { "?restype=container" } else { "" };
        assert!(matches!(emulator.send("PUT", query, &[]), 200 | 201));
        emulator
    }

    /// What a user types for a prefix of the bucket.
    pub(crate) fn url(&self, prefix: &str) -> String {
        let scheme = match self.service {
            Service::S3 => "s3",
            Service::Gs => "gs",
            Service::Azure => "az",
        };
        format!("{scheme}://{BUCKET}/{prefix}")
    }

    /// A key without the bucket.
    pub(crate) fn name(&self, key: &str) -> String {
        key.strip_prefix(&self.url("")).unwrap_or(key).to_owned()
    }

    /// Stores an object; the name as it stands in a URL.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let status = self.send("PUT", &format!("/{name}"), bytes);
        assert!(matches!(status, 200 | 201), "{name}: {status}");
    }

    pub(crate) fn delete(&self, name: &str) {
        let status = self.send("DELETE", &format!("/{name}"), &[]);
        assert!(matches!(status, 202 | 204), "{name}: {status}");
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        match self.service {
            Service::S3 | Service::Gs => format!("http://{}", self.authority),
            Service::Azure => format!("http://{}/{ACCOUNT}", self.authority),
        }
    }

    /// The words that say where it is, after these.
    pub(crate) fn words(&self, words: &[&str]) -> Vec<String> {
        let endpoint = self.endpoint();
        words
            .iter()
            .chain(&["--endpoint", &endpoint, "--allow-private"])
            .map(|word| (*word).to_owned())
            .collect()
    }

    /// What an object holds; the name as it stands in a URL.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let (status, body) = self.exchange("GET", &format!("/{name}"), &[]);
        (status == 200).then_some(body)
    }

    /// The command with credentials in its environment.
    pub(crate) fn command(&self, world: &World, words: &[String]) -> Command {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = world.command(&words);
        match self.service {
            Service::S3 => {
                command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "canary-0123")
            }
            // Who asks is not looked at: a token is Google's own to give.
            Service::Gs => command.env("GOOGLE_SKIP_SIGNATURE", "true"),
            Service::Azure => {
                command.env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT).env("AZURE_STORAGE_ACCOUNT_KEY", KEY)
            }
        };
        command
    }

    /// Objects that were read, as often as they were.
    pub(crate) fn reads(&self) -> usize {
        let log = self.log.lock().unwrap();
        let path = if self.service == Service::Azure {
            format!("GET /{ACCOUNT}/{BUCKET}/")
        } else {
            format!("GET /{BUCKET}/")
        };
        log.iter().filter(|line| line.contains(&path)).count()
    }

    fn send(&self, method: &str, rest: &str, body: &[u8]) -> u16 {
        self.exchange(method, rest, body).0
    }

    fn exchange(&self, method: &str, rest: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let (path, extra) = match self.service {
            // It looks at who asks, and not at the signature; others than whoever wrote an object ask as the public.
            Service::S3 | Service::Gs => (
                format!("/{BUCKET}{rest}"),
                "Authorization: AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, \
                 SignedHeaders=host, Signature=0\r\nx-amz-acl: public-read\r\n",
            ),
            Service::Azure => {
                let joint = if rest.contains('?') { '&' } else { '?' };
                (format!("/{ACCOUNT}/{BUCKET}{rest}{joint}{TOKEN}"), "x-ms-blob-type: BlockBlob\r\n")
            }
        };
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nContent-Type: text/markdown\r\n{extra}\
             Connection: close\r\n\r\n",
            self.authority,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        let body = answer.split_off(end);
        let head = String::from_utf8_lossy(&answer);
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        (head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), body)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

/// A program of a stand-in. Without it the test fails: one that passes over what it cannot do shows nothing.
fn installed(program: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_tidegate")).ancestors().nth(2).unwrap();
    let path = target.join("emulators").join(program);
    assert!(
        path.exists(),
        "{} is missing\nhint: `cargo xtask test tidegate-cli` installs what the tests need, and runs them",
        path.display()
    );
    path
}
