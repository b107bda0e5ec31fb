use tidegate_core::FaultKind;

use super::*;

fn globs(include: &[&str], exclude: &[&str]) -> ObjectsOptions {
    let texts = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
    ObjectsOptions { include: texts(include), exclude: texts(exclude), ..options() }
}

#[tokio::test]
async fn a_prefix_is_a_folder_or_one_object() {
    let shop =
        Shop::of(&[("a/b/1.md", ""), ("a/b/2.md", ""), ("a/b.md", ""), ("a/b2/3.md", ""), ("c.md", "")])
            .await;
    for (place, keys) in [
        ("s3://b", &["a/b.md", "a/b/1.md", "a/b/2.md", "a/b2/3.md", "c.md"][..]),
        ("s3://b/a/b", &["a/b/1.md", "a/b/2.md"]),
        ("s3://b/a/b/", &["a/b/1.md", "a/b/2.md"]),
        ("s3://b/a/b.md", &["a/b.md"]),
        ("s3://b/a/b.md/", &[]),
        ("s3://b/c.md", &["c.md"]),
        ("s3://b/none", &[]),
    ] {
        let keys: Vec<String> = keys.iter().map(|key| format!("s3://b/{key}")).collect();
        assert_eq!(shop.keys(place, options()).await, keys, "{place}");
    }
}

#[tokio::test]
async fn what_is_passed_over_is_counted() {
    let names = ["a.md", ".git/x.md", "d/.x.md", "d/p.png", "drafts/e.md", "d/f.txt", "g.pdf"];
    let shop = Shop::of(&names.map(|name| (name, ""))).await;
    let mut source = shop.source("s3://b", globs(&["*.md", "*.txt", "*.png"], &["drafts/"]));
    let stats = source.stats();
    let (items, coverage) = list_all(&mut source, 2).await;
    let keys: Vec<&str> = items.iter().map(|item| &*item.key).collect();
    assert_eq!(keys, ["s3://b/a.md", "s3://b/d/f.txt", "s3://b/d/p.png"]);
    assert_eq!([&stats.hidden, &stats.excluded, &stats.no_text].map(|counter| counter.get()), [2, 2, 0]);
    assert_eq!(coverage.unwrap().covered, ["s3://b/"]);
    assert!(!shop.keys("s3://b", options()).await.contains(&"s3://b/d/p.png".to_owned()));
    assert_eq!(shop.keys("s3://b", ObjectsOptions { hidden: true, ..options() }).await.len(), 6);
}

#[tokio::test]
async fn keys_are_safe_to_print_and_large_objects_are_not_read() {
    let shop = Shop::of(&[("a#1 100%.md", "x"), ("big.md", &"x".repeat(20_000))]).await;
    let (items, _) = list_all(&mut shop.source("s3://b", options()), 10).await;
    assert_eq!(&*items[0].key, "s3://b/a%231 100%25.md");
    assert_eq!(items[1].fault.as_ref().unwrap().kind(), FaultKind::TooLarge);
    assert!(shop.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_version_tells_what_changed() {
    let shop = Shop::of(&[("a.md", "1"), ("b.md", "1")]).await;
    let (before, _) = list_all(&mut shop.source("s3://b", options()), 10).await;
    shop.put("b.md", b"2").await;
    let (after, _) = list_all(&mut shop.source("s3://b", options()), 10).await;
    let same: Vec<bool> = std::iter::zip(before, after)
        .map(|(before, after)| before.version.proves_unchanged(&after.version))
        .collect();
    assert_eq!(same, [true, false]);
}

#[test]
fn places_are_read_as_typed() {
    for (text, shown, covered) in [
        ("s3://b", "s3://b/", "s3://b/"),
        ("S3A://b/x/y", "s3://b/x/y", "s3://b/x/y/"),
        ("gs://b/x/", "gs://b/x/", "gs://b/x/"),
        ("abfss://c/a%20b", "az://c/a%20b", "az://c/a%2520b/"),
    ] {
        let place = Place::parse(text).unwrap();
        assert_eq!((place.to_string().as_str(), place.covered().as_str()), (shown, covered), "{text}");
    }
    for text in [
        "http://b/x",
        "b/x",
        "s3://",
        "s3:///x",
        "s3://b//x",
        "s3://b/a/../b",
        "s3://u:p@b/x",
        "az://c@account/x",
        "s3://b/\u{1}",
    ] {
        assert_eq!(Place::parse(text).unwrap_err().kind(), FaultKind::Config, "{text}");
    }
}

#[test]
fn a_place_within_another_is_listed_once() {
    let place = |text| Place::parse(text).unwrap();
    for (one, other, holds) in [
        ("s3://b", "s3://b/x", true),
        ("s3://b/x", "s3://b/x/y", true),
        ("s3://b/x", "s3://b/x/", true),
        ("s3://b/x/", "s3://b/x", false),
        ("s3://b/x", "s3://b/xy", false),
        ("s3://b/x", "gs://b/x", false),
        ("s3://b/x", "s3://c/x", false),
    ] {
        assert_eq!(place(one).holds(&place(other)), holds, "{one} {other}");
    }
}
