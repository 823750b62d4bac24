use crate::FrameHead;
use alloc::sync::Arc;

/// Looks on at a connection, to tell its story.
pub trait Watch: Send + Sync {
    /// Called for each frame, when its head was sent or received: for a control frame, when all of it was.
    fn frame(&self, sent: bool, head: &FrameHead);
}

/// Who looks on, if somebody does.
#[derive(Clone, Default)]
pub(crate) struct Watched(pub(crate) Option<Arc<dyn Watch>>);

impl Watched {
    pub(crate) fn frame(&self, sent: bool, head: &FrameHead) {
        if let Some(watch) = &self.0 {
            watch.frame(sent, head);
        }
    }
}
