use tidegate_core::{FaultKind, Version};

use super::*;

/// Longer than three parts.
fn long(of: char) -> Vec<u8> {
    String::from(of).repeat(3_500).into_bytes()
}

#[tokio::test]
async fn an_object_is_read_in_parts_of_one_state() {
    let shop = Shop::of(&[]).await;
    shop.put("a.md", &long('a')).await;
    let (_, fetched) = shop.read(options()).await;
    assert_eq!(content(fetched), (long('a'), None));
    let parts: Vec<u64> =
        shop.asked.lock().unwrap().iter().map(|(_, part)| part.clone().unwrap().start).collect();
    assert_eq!(parts, [0, 1_000, 2_000, 3_000]);
}

#[tokio::test]
async fn an_object_that_changes_is_read_anew_and_never_mixed() {
    for at in 1..=4 {
        let shop = Shop::of(&[]).await;
        shop.put("a.md", &long('a')).await;
        // Of the same length: nothing but its tag tells the two apart.
        shop.meanwhile(move |_, number| (number == at).then(|| long('b')));
        let (item, fetched) = shop.read(options()).await;
        let (bytes, version) = content(fetched);
        assert!(bytes == long('b'), "changed at request {at}");
        assert!(version.is_some_and(|version| version != item.version && version != Version::default()));
    }
}

#[tokio::test]
async fn an_object_that_grows_is_read_whole_and_one_that_shrinks_too() {
    for size in [0, 1, 999, 1_000, 1_001, 9_000] {
        let shop = Shop::of(&[]).await;
        shop.put("a.md", &long('a')).await;
        shop.meanwhile(move |_, number| (number == 2).then(|| vec![b'c'; size]));
        let (_, fetched) = shop.read(options()).await;
        assert_eq!(content(fetched).0.len(), size);
    }
    let shop = Shop::of(&[("a.md", "short")]).await;
    shop.meanwhile(|_, number| (number == 1).then(|| vec![b'c'; 10_001]));
    assert_eq!(shop.read(options()).await.1.unwrap_err().kind(), FaultKind::TooLarge);
}

#[tokio::test]
async fn an_object_that_never_rests_is_left_to_the_next_run() {
    let shop = Shop::of(&[("a.md", "0")]).await;
    shop.meanwhile(|_, number| Some(number.to_string().into_bytes()));
    let (_, fetched) = shop.read(options()).await;
    assert_eq!(fetched.unwrap_err().kind(), FaultKind::Changing);
}

#[tokio::test]
async fn objects_that_went_are_gone_but_not_all_at_once() {
    let names: Vec<String> = (0..10).map(|at| format!("{at}.md")).collect();
    let shop = Shop::of(&[]).await;
    for name in &names {
        shop.put(name, b"x").await;
    }
    let mut source = shop.source("s3://b", options());
    let (items, _) = list_all(&mut source, 20).await;
    for name in &names {
        shop.delete(name).await;
    }
    let fetcher = source.fetcher();
    let mut outcomes = Vec::new();
    for mut item in items {
        item.stored = Some(Version("1".into()));
        outcomes.push(matches!(fetcher.fetch(&cx(), &item).await, Ok(Fetched::Gone)));
    }
    assert_eq!(outcomes.iter().filter(|gone| **gone).count(), 2);
    // What was never stored has nothing to lose.
    let shop = Shop::of(&[("a.md", "x")]).await;
    let mut source = shop.source("s3://b", options());
    let (items, _) = list_all(&mut source, 20).await;
    shop.delete("a.md").await;
    assert!(matches!(source.fetcher().fetch(&cx(), &items[0]).await, Ok(Fetched::Gone)));
}
