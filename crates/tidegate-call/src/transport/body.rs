//! An answer's body as it comes, with an end to how much is read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use hyper::body::Body;
use tidegate_core::{Pieces, WireFault, WireFaultKind};

use super::http::HttpSettings;
use super::link::{Link, in_body};
use super::site::Site;

/// A body that is still coming. Holds its connection until the end; dropped before, it closes it.
pub(super) struct Coming {
    /// `None` once the connection was given back or given up.
    pub(super) link: Option<Link>,
    /// What is read.
    pub(super) incoming: hyper::body::Incoming,
    /// Where the connection is kept afterwards.
    pub(super) site: Arc<Site>,
    /// The most that is read, and how long connections are kept.
    pub(super) settings: Arc<HttpSettings>,
    /// What has been read.
    pub(super) read: u64,
}

impl Coming {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, WireFault>>> {
        loop {
            match ready!(self.poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(self.count(bytes)));
                    } // else trailers, which say nothing that is needed
                }
                Some(Err(error)) => {
                    self.link = None;
                    return Poll::Ready(Some(Err(in_body(&error))));
                }
                None => {
                    self.give_back(cx);
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// The next frame, driving the connection until there is one or nothing more can be read now.
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if let Some(link) = &mut self.link
            && link.poll_drive(cx).is_ready()
        {
            self.link = None;
        }
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn count(&mut self, bytes: Bytes) -> Result<Bytes, WireFault> {
        self.read = self.read.saturating_add(bytes.len() as u64);
        if self.read > self.settings.max_body {
            self.link = None;
            return Err(too_large(self.settings.max_body));
        }
        Ok(bytes)
    }

    fn give_back(&mut self, cx: &mut Context<'_>) {
        if let Some(mut link) = self.link.take()
            && link.poll_usable(cx)
        {
            self.site.keep(link, &self.settings);
        }
    }
}

/// The fault of an answer of more than `most` bytes.
pub(super) fn too_large(most: u64) -> WireFault {
    WireFault::new(WireFaultKind::TooLarge, format!("the answer is larger than {most} bytes"))
}

#[async_trait]
impl Pieces for Coming {
    async fn next(&mut self) -> Option<Result<Bytes, WireFault>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}
