use std::io;
use std::sync::{Arc, Mutex};

use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use super::world::*;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn every_try_is_logged_without_its_secrets() {
    let page = Page::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(page.clone())
        .finish();
    let world = World::new(|seen| if seen.number == 0 { Act::Status(429, Some(20)) } else { answers() });
    let (items, cx) = (lines(["a text that is nobody's business"]), bulk());
    world.caller.call(&items, &cx).with_subscriber(subscriber).await.expect("answered");
    let page = String::from_utf8(page.0.lock().expect("no panic").clone()).expect("text");
    let tries: Vec<&str> = page.lines().filter(|line| line.contains("tidegate_call")).collect();
    assert_eq!(tries.len(), 2, "{page}");
    for part in [
        "call failed",
        "provider=p",
        "model=m",
        "status=429",
        "attempt=1",
        "hint_ms=20",
        "trace=0000000000000001",
    ] {
        assert!(tries[0].contains(part), "{part} is not in {}", tries[0]);
    }
    for part in ["call answered", "attempt=2", "latency_ms=1", "waited_ms=", "input_tokens=", "cost="] {
        assert!(tries[1].contains(part), "{part} is not in {}", tries[1]);
    }
    assert!(!page.contains("secret-in-query") && !page.contains("nobody's business"), "{page}");
}
