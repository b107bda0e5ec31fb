//! Names of documents, and where a list of them is gone on with.

use std::collections::VecDeque;
use std::fs;

use tidegate_core::{Compute, Fetched, Stop, StopHandle, Version};

use super::*;

/// Lists what it is given.
struct Given(VecDeque<Listing>);

#[async_trait]
impl Source for Given {
    async fn list(&mut self, _: &Cx, _: usize) -> Result<Listing, Fault> {
        Ok(self.0.pop_front().unwrap_or(Listing::End(None)))
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        struct None;
        #[async_trait]
        impl Fetch for None {
            async fn fetch(&self, _: &Cx, _: &SourceItem) -> Result<Fetched, Fault> {
                Ok(Fetched::Gone)
            }
        }
        Arc::new(None)
    }
}

/// Documents of these names and versions, in two lists.
fn given(names: &[(&str, &str)], limit: u64) -> Documents {
    let items: Vec<SourceItem> = names
        .iter()
        .map(|(name, version)| SourceItem::new(*name, Version((*version).to_owned()), 1))
        .collect();
    let (first, second) = items.split_at(items.len() / 2);
    let lists = [first, second].map(|items| Listing::Items(items.to_vec()));
    Documents::new(Box::new(Given(lists.into())), (limit, true))
}

/// Names and positions of all that is listed.
async fn listed(mut documents: Documents) -> Result<Vec<(String, Position)>, Fault> {
    let cx = Cx::new("run".into(), Arc::new(Nowhere), StopHandle::new().subscribe());
    assert_eq!(cx.stop(), Stop::Go);
    let mut found = Vec::new();
    loop {
        match documents.list(&cx, 256).await? {
            Listing::Items(items) => {
                found.extend(items.into_iter().map(|item| (item.key.to_string(), item.position.unwrap())));
            }
            Listing::Quiet => {}
            _ => return Ok(found),
        }
    }
}

struct Nowhere;

impl Compute for Nowhere {
    fn submit(&self, _: u64, _: Box<dyn FnOnce() + Send>) {}

    fn width(&self) -> usize {
        1
    }
}

const FOUR: [(&str, &str); 4] =
    [("/p/a", "1-10-5-7"), ("/p/b", "2-10-5-8"), ("/p/c", ""), ("/p/d", "4-10-5-9")];

#[tokio::test]
async fn a_list_is_gone_on_with_where_it_was_left() {
    let all = listed(given(&FOUR, 0)).await.unwrap();
    assert_eq!(all.len(), 4);
    for (done, (_, position)) in all.iter().enumerate() {
        let mut rest = given(&FOUR, 0);
        rest.resume(position).unwrap();
        assert_eq!(listed(rest).await.unwrap(), all[done + 1..], "behind {done}");
        let mut rest = given(&FOUR, 3);
        rest.resume(position).unwrap();
        let left = listed(rest).await.unwrap();
        assert_eq!(left, all.get(done + 1..3).unwrap_or_default(), "the limit counts from the first");
    }
    assert_eq!(listed(given(&FOUR, 1)).await.unwrap(), all[..1]);
}

#[tokio::test]
async fn documents_that_changed_before_it_are_refused() {
    let all = listed(given(&FOUR, 0)).await.unwrap();
    let behind = async |names: &[(&str, &str)]| {
        let mut rest = given(names, 0);
        rest.resume(&all[1].1).unwrap();
        listed(rest).await.map(|left| left.len())
    };
    assert_eq!(behind(&[FOUR[0], FOUR[1], ("/p/bb", ""), FOUR[2]]).await.unwrap(), 2);
    // Moved within its file system, or copied with its times.
    assert_eq!(behind(&[("/p/a", "1-10-6-70"), FOUR[1]]).await.unwrap(), 0);
    for other in [
        &[("/p/0", ""), FOUR[0], FOUR[1], FOUR[2]][..],
        &[FOUR[0], FOUR[2], FOUR[3]],
        &[("/p/a", "1-11-5-7"), FOUR[1], FOUR[2]],
        &[FOUR[0]],
        &[],
    ] {
        assert_eq!(behind(other).await.unwrap_err().kind(), FaultKind::Guarded, "{other:?}");
    }
    let mut rest = given(&FOUR, 0);
    assert!(rest.resume(&Position("{\"f\":0,\"o\":7}".to_owned())).is_err());
}

#[test]
fn documents_are_called_by_their_path_from_what_was_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["papers/deep/a.pdf", "papers/100% #1.md", "more/b.md", "other/papers/c.md"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let named = |paths: &[&str]| {
        let paths = paths.iter().map(|path| folder.path().join(path).display().to_string()).collect();
        DocumentStage::new(&Files { paths, ..Files::default() }, &Arc::default())
    };
    let key = |path: &str| encode_key(&folder.path().canonicalize().unwrap().join(path));
    let check = |paths: &[&str], path: &str, expect: &str| {
        assert_eq!(named(paths).unwrap().name(&key(path)), expect, "{paths:?}");
    };
    check(&["papers"], "papers/deep/a.pdf", "papers/deep/a.pdf");
    check(&["papers/"], "papers/100% #1.md", "papers/100%25 %231.md");
    check(&["other/papers", "more/b.md"], "other/papers/c.md", "papers/c.md");
    check(&["papers", "more/b.md"], "more/b.md", "more/b.md");
    check(&["papers/../papers/deep"], "papers/deep/a.pdf", "deep/a.pdf");
    assert_eq!(
        named(&["papers"]).unwrap().name(&format!("{}!/x/y.md", key("papers/z.zip"))),
        "papers/z.zip!/x/y.md"
    );
    assert_eq!(named(&["papers"]).unwrap().name("/elsewhere"), "/elsewhere");
    let fault = named(&["papers", "other/papers"]).err().unwrap();
    assert!(fault.to_string().contains("both be called papers/"), "{fault}");
    named(&["papers", "papers/"]).unwrap();
}
