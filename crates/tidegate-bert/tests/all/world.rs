//! Folders of tiny models, whole or changed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tidegate_bert::{Bert, BertOptions, Precision};
use tidegate_core::{Embedder, Fault, FaultKind, Task};

/// The models that `tools/tiny_bert.py` made.
pub(crate) const MODELS: [&str; 7] = ["mean", "cls", "tanh", "relu", "half", "brain", "prompts"];

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

pub(crate) fn open(name: &str, precision: Precision) -> Bert {
    Bert::open(&folder(name), &BertOptions { precision, ..BertOptions::default() }).unwrap()
}

pub(crate) fn vector(bert: &Bert, text: &str, task: Task) -> Vec<f32> {
    bert.embed(&[text], task).unwrap().remove(0)
}

pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let length = |v: &[f32]| v.iter().map(|one| f64::from(*one).powi(2)).sum::<f64>().sqrt();
    dot / (length(a) * length(b))
}

/// The largest difference of two numbers in the same place.
pub(crate) fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A copy of a model's folder that may be changed.
pub(crate) struct Copy(pub(crate) TempDir);

impl Copy {
    pub(crate) fn of(name: &str) -> Self {
        let copy = Self(TempDir::new().unwrap());
        let mut folders = vec![PathBuf::new()];
        while let Some(inner) = folders.pop() {
            fs::create_dir_all(copy.path(&inner)).unwrap();
            for entry in fs::read_dir(folder(name).join(&inner)).unwrap().flatten() {
                let inner = inner.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push(inner);
                } else {
                    fs::copy(entry.path(), copy.path(&inner)).unwrap();
                }
            }
        }
        copy
    }

    pub(crate) fn path(&self, inner: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(inner)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Changes a file of JSON.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut value =
            fs::read(self.path(name)).map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap());
        change(&mut value);
        self.write(name, value.to_string());
    }

    pub(crate) fn open(&self) -> Result<Bert, Fault> {
        Bert::open(self.0.path(), &BertOptions { precision: Precision::F32, ..BertOptions::default() })
    }

    /// Why it cannot be opened; whoever typed its name is told, with what to do next.
    pub(crate) fn refused(&self) -> String {
        let fault = self.open().err().expect("it must not open");
        assert_eq!(fault.kind(), FaultKind::Config, "{fault}");
        assert!(fault.hint_text().is_some(), "{fault}");
        fault.chain().join(": ")
    }
}
