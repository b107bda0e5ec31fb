use std::io::{self, Read, Write as _};
use std::sync::mpsc;

use tidegate_core::{Body, FaultKind, Listing, Source as _};

use super::doubles::{cx, list_all, stoppable};
use crate::{RowFields, RowFormat, RowOptions, STDIN, StdinDocument, StdinRows};

#[tokio::test]
async fn standard_input_is_one_document() {
    let mut source = StdinDocument::new(&b"hello"[..], "my notes", 100).unwrap();
    let (items, coverage) = list_all(&mut source, 10).await;
    assert_eq!((items.len(), &*items[0].key, coverage), (1, "my notes", None));
    assert!(matches!(&items[0].body, Some(Body::Bytes(bytes)) if bytes == "hello"));
    assert_eq!(items[0].content, Some(tidegate_core::ContentHash::of(b"hello")));
}

#[tokio::test]
async fn a_document_without_end_is_not_kept() {
    let mut source = StdinDocument::new(io::repeat(b'x').take(8 << 20), STDIN, 1 << 20).unwrap();
    let (items, _) = list_all(&mut source, 10).await;
    assert_eq!(items[0].fault.as_ref().unwrap().kind(), FaultKind::TooLarge);
    assert!(matches!(&items[0].body, Some(Body::Bytes(head)) if head.len() == 4096));
}

#[tokio::test]
async fn standard_input_is_rows() {
    let rows: String = (0..20_000).map(|n| format!("{{\"text\":\"{n}\",\"id\":{n}}}\n")).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(rows.as_bytes()).unwrap();
    let fields = RowFields { id: Some("id".into()), ..RowFields::default() };
    let options =
        RowOptions { format: RowFormat::Json(fields), prefix: Some("in".into()), ..RowOptions::default() };
    let mut source = StdinRows::new(io::Cursor::new(packed.finish().unwrap()), options).unwrap();
    let (items, _) = list_all(&mut source, 999).await;
    assert!(items.iter().enumerate().all(|(n, item)| *item.key == format!("in#{n}")));
    assert_eq!(items.len(), 20_000);
}

#[tokio::test]
async fn input_that_breaks_off_stops_the_run() {
    let packed = zstd::encode_all(&b"{\"text\":\"a\"}\n"[..], 1).unwrap();
    let half = io::Cursor::new(packed[..packed.len() - 3].to_vec());
    let mut source = StdinRows::new(half, RowOptions::default()).unwrap();
    let fault = loop {
        match source.list(&cx(), 10).await {
            Ok(Listing::End(_)) => panic!("taken for whole"),
            Ok(_) => {}
            Err(fault) => break fault,
        }
    };
    assert_eq!(tidegate_core::advise(&fault), tidegate_core::Advice::StopRun);
    let stream = RowOptions { stream: true, ..RowOptions::default() };
    assert_eq!(StdinRows::new(io::empty(), stream).err().unwrap().kind(), FaultKind::Config);
}

/// Input that says nothing until it is told to.
struct Silent(mpsc::Receiver<Vec<u8>>, io::Cursor<Vec<u8>>);

impl Read for Silent {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.1.position() == self.1.get_ref().len() as u64 {
            self.1 = io::Cursor::new(self.0.recv().unwrap_or_default());
        }
        self.1.read(into)
    }
}

#[tokio::test]
async fn waiting_for_input_ends_with_a_stop() {
    let (send, receive) = mpsc::sync_channel(1);
    let mut source = StdinRows::new(Silent(receive, io::Cursor::default()), RowOptions::default()).unwrap();
    let (cx, stop) = stoppable();
    let stopping = async { stop.drain() };
    let (listing, ()) = tokio::join!(source.list(&cx, 10), stopping);
    assert!(matches!(listing.unwrap(), Listing::Quiet));
    // What came meanwhile is there for a run that goes on.
    send.send(b"{\"text\":\"late\"}\n".to_vec()).unwrap();
    drop(send);
    assert_eq!(list_all(&mut source, 10).await.0.len(), 1);
}
