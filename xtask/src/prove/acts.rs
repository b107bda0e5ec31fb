//! What happens around a kill at a named point: each act brings a world into the state in which the point matters.

use std::path::{Path, PathBuf};

use super::crash::{Tally, unwritable};
use super::outputs;
use super::regenerating;
use super::rows;
use super::scene::Scene;
use super::strike::Kill;
use crate::tool::Tool;

/// What happens around a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Documents of every kind changed.
    Changed,
    /// Some documents got new text, nothing else: what was embedded must be in the journal before it is used.
    Edited,
    /// Some documents were renamed, nothing else.
    Renamed,
    /// A document so large that the store stages it, new and then changed.
    Large,
    /// Chunks go to a JSON Lines file, which is begun and then continued.
    Lines,
    /// Lines of JSON become documents, first and after some of them changed.
    Rows,
    /// Mended documents are tried again and go to a file that is there.
    Retried,
    /// A run is asked to stop.
    Drained,
    /// Another run wants the same pipeline, and takes it over.
    Fenced,
    /// The store is built anew beside itself.
    Regenerated,
}

impl Act {
    /// All of them.
    pub(crate) const ALL: &[Self] = &[
        Self::Changed,
        Self::Edited,
        Self::Renamed,
        Self::Large,
        Self::Lines,
        Self::Rows,
        Self::Retried,
        Self::Drained,
        Self::Fenced,
        Self::Regenerated,
    ];

    /// The points it is played with.
    pub(crate) fn points(self) -> &'static [&'static str] {
        match self {
            Self::Changed => &[
                "store.commit.begin",
                "store.commit.middle",
                "store.commit.before",
                "store.commit.after",
                "store.sweep.before",
                "journal.append.before",
                "journal.append.after",
            ],
            Self::Edited => &["store.commit.begin"],
            Self::Renamed => &["store.commit.begin", "store.commit.after", "store.sweep.before"],
            Self::Large => &["store.stage.after"],
            Self::Lines => {
                &["jsonl.append.middle", "jsonl.append.synced", "jsonl.commit.after", "store.commit.after"]
            }
            Self::Rows => {
                &["store.commit.begin", "store.commit.after", "store.sweep.before", "journal.append.before"]
            }
            Self::Retried => &["jsonl.append.middle", "jsonl.commit.after"],
            // Where the run is asked to stop; where it is killed is `engine.drain`.
            Self::Drained => &["journal.append.after", "store.commit.begin"],
            // Where the run stands still.
            Self::Fenced => &["journal.append.after"],
            Self::Regenerated => &[
                "generation.begin.after",
                "store.commit.after",
                "generation.switch.before",
                "generation.switch.middle",
                "generation.switch.after",
            ],
        }
    }

    /// Whether it is played at the first passage only.
    pub(crate) fn once(self) -> bool {
        !matches!(self, Self::Changed | Self::Lines)
    }
}

/// Plays acts in one folder, one after another in the same world where that is possible.
pub(crate) struct Cast<'a> {
    tool: &'a Tool,
    dir: PathBuf,
    seed: u64,
    scene: Option<Scene<'a>>,
    /// Acts that begin a world of their own.
    begun: u64,
}

impl<'a> Cast<'a> {
    /// In an empty folder.
    pub(crate) fn new(tool: &'a Tool, dir: &Path, seed: u64) -> Self {
        Self { tool, dir: dir.to_path_buf(), seed, scene: None, begun: 0 }
    }

    /// Plays an act with a kill at the n-th passage of a point; whether the point was passed.
    pub(crate) fn play(
        &mut self,
        act: Act,
        at: (&'static str, u64),
        compare: bool,
        tally: &mut Tally,
    ) -> Result<bool, String> {
        let kill = Kill::Point(at.0, at.1);
        match act {
            Act::Lines => outputs::appending(self.tool, &self.apart()?, self.seed, &kill, tally),
            Act::Rows => rows::rounds(self.tool, &self.apart()?, self.seed, &kill, tally),
            Act::Regenerated => regenerating::rounds(self.tool, &self.apart()?, self.seed, &kill, tally),
            Act::Retried => outputs::retrying(self.tool, &self.apart()?, self.seed, &kill, tally),
            Act::Changed => {
                let scene = self.scene()?;
                scene.change()?;
                scene.round(&kill, compare, tally)
            }
            Act::Edited => self.scene()?.edited(tally),
            Act::Renamed => {
                let scene = self.scene()?;
                scene.world.rename_some().map_err(|error| unwritable(&error))?;
                scene.round(&kill, false, tally)
            }
            Act::Large => self.scene()?.large(at, tally),
            Act::Drained => self.scene()?.drained(at, tally),
            Act::Fenced => self.scene()?.fenced(at, tally),
        }
    }

    fn scene(&mut self) -> Result<&mut Scene<'a>, String> {
        if self.scene.is_none() {
            self.scene = Some(Scene::new(self.tool, &self.dir, self.seed)?);
        }
        self.scene.as_mut().ok_or_else(|| "a scene that is gone".to_owned())
    }

    /// A folder for a world of its own.
    fn apart(&mut self) -> Result<PathBuf, String> {
        self.begun += 1;
        let dir = self.dir.join(format!("world{}", self.begun));
        std::fs::create_dir_all(&dir).map_err(|error| unwritable(&error))?;
        Ok(dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::crash::points;

    #[test]
    fn every_point_is_in_an_act() {
        let played = |point: &str| Act::ALL.iter().any(|act| act.points().contains(&point));
        for point in points().filter(|point| *point != "engine.drain") {
            assert!(played(point), "{point}");
        }
        for point in Act::ALL.iter().flat_map(|act| act.points()) {
            assert!(points().any(|known| known == *point), "{point}");
        }
    }
}
