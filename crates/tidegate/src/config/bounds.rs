//! Bounds of `[sandbox]` and `[formats.NAME]`: outside of them a limit is none, or lets nothing through.

use tidegate_core::Fault;

use super::period::Period;
use super::sandbox::Format;
use super::size::Size;
use super::validate::Rules;

/// A child needs about this much to read the smallest document.
const LEAST_MEMORY: u64 = 16 << 20;
/// More than any one document is worth.
const MOST_MEMORY: u64 = 1 << 40;
/// The most text that fits into one answer of a parser, with what is said about it.
const MOST_OUTPUT: u64 = 1 << 30;
/// Anything between a page of text and a disk.
const UNPACKED: (u64, u64) = (4 << 10, 1 << 40);
/// In milliseconds: a program takes some to get anywhere, and nothing is worth more than a day.
const TIMEOUT: (u64, u64) = (50, DAY);
/// The kernel counts whole seconds.
const CPU: (u64, u64) = (1_000, DAY);
const DAY: u64 = 24 * 60 * 60 * 1_000;
const RATIO: (u64, u64) = (1, 1_000_000);
const PAGES: (u64, u64) = (1, 10_000_000);
const ENTRIES: (u64, u64) = (1, 10_000_000);
/// Each container within another takes memory and stack of the child.
const DEPTH: (u64, u64) = (1, 32);
const NESTING: (u64, u64) = (1, 10_000);
const CHILDREN: (u64, u64) = (0, 1_024);
const DOCUMENTS: (u64, u64) = (1, 1_000_000_000);

impl Rules<'_> {
    /// What a file may cost.
    pub(super) fn sandbox(&self) -> Result<(), Fault> {
        let general = &self.config.sandbox;
        for (key, value, bounds) in [
            ("children", general.children as u64, CHILDREN),
            ("documents", general.documents, DOCUMENTS),
            ("max_depth", general.max_depth.into(), DEPTH),
            ("max_nesting", general.max_nesting.into(), NESTING),
        ] {
            self.number(&format!("sandbox.{key}"), value, bounds)?;
        }
        let all = Format {
            timeout: Some(general.timeout),
            cpu: Some(general.cpu),
            memory: Some(general.memory),
            max_output_bytes: Some(general.max_output_bytes),
            max_unpacked_bytes: Some(general.max_unpacked_bytes),
            max_ratio: Some(general.max_ratio),
            max_pages: Some(general.max_pages),
            max_entries: Some(general.max_entries),
            ..Format::default()
        };
        self.format("sandbox", &all)?;
        self.config
            .formats
            .iter()
            .try_for_each(|(name, format)| self.format(&format!("formats.{name}"), format))
    }

    fn format(&self, section: &str, format: &Format) -> Result<(), Fault> {
        let key = |name: &str| format!("{section}.{name}");
        self.period(&key("timeout"), format.timeout, TIMEOUT)?;
        self.period(&key("cpu"), format.cpu, CPU)?;
        self.size(&key("memory"), format.memory, (LEAST_MEMORY, MOST_MEMORY))?;
        self.size(&key("max_output_bytes"), format.max_output_bytes, (1, MOST_OUTPUT))?;
        self.size(&key("max_unpacked_bytes"), format.max_unpacked_bytes, UNPACKED)?;
        for (name, value, bounds) in [
            ("max_ratio", format.max_ratio, RATIO),
            ("max_pages", format.max_pages.map(u64::from), PAGES),
            ("max_entries", format.max_entries.map(u64::from), ENTRIES),
        ] {
            value.map_or(Ok(()), |value| self.number(&key(name), value, bounds))?;
        }
        Ok(())
    }

    fn number(&self, key: &str, value: u64, (least, most): (u64, u64)) -> Result<(), Fault> {
        let must = format!("({value}) must be from {least} to {most}");
        self.need((least..=most).contains(&value), key, &must, usual(key))
    }

    fn period(&self, key: &str, value: Option<Period>, (least, most): (u64, u64)) -> Result<(), Fault> {
        let Some(value) = value else { return Ok(()) };
        let [from, to] = [least, most].map(Period::from_millis);
        let must = format!("({value}) must be from {from} to {to}");
        let millis = u64::try_from(value.duration().as_millis()).unwrap_or(u64::MAX);
        self.need((least..=most).contains(&millis), key, &must, usual(key))
    }

    fn size(&self, key: &str, value: Option<Size>, (least, most): (u64, u64)) -> Result<(), Fault> {
        let Some(value) = value else { return Ok(()) };
        let [from, to] = [least, most].map(Size::from_bytes);
        let must = format!("({value}) must be from {from} to {to}");
        self.need((least..=most).contains(&value.bytes()), key, &must, usual(key))
    }
}

/// What suits most.
fn usual(key: &str) -> &'static str {
    match key.rsplit('.').next().unwrap_or(key) {
        "timeout" => "60s is usual",
        "cpu" => "30s is usual; seconds count whole",
        "memory" => "512MiB is usual",
        "children" => "0 means one for each core",
        "max_depth" => "4 is usual",
        _ => "leave it out for the usual",
    }
}
