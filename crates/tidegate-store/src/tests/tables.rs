//! Tables of token vectors, and reading all chunks.

use super::world::World;
use crate::{OpenMode, Store};

#[tokio::test]
async fn a_table_stays_under_its_name_until_it_is_put_right() {
    let world = World::new();
    assert!(world.store.tables().unwrap().is_empty());
    assert_eq!(world.store.table("adapted/a").unwrap(), None);
    world.store.keep_table("adapted/a", vec![1; 100_000], false).await.unwrap();
    world.store.keep_table("adapted/a", vec![2], false).await.unwrap();
    let reader = Store::open(&world.url(), OpenMode::Read).unwrap();
    assert_eq!(reader.table("adapted/a").unwrap(), Some(vec![1; 100_000]));
    world.store.keep_table("adapted/a", vec![3], true).await.unwrap();
    assert_eq!(reader.table("adapted/a").unwrap(), Some(vec![3]));
    world.store.keep_table("adapted/b", vec![4], false).await.unwrap();
    assert_eq!(reader.tables().unwrap().len(), 2);
    assert!(reader.keep_table("adapted/c", Vec::new(), false).await.is_err());
}
