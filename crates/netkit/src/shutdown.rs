use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// The handle that stops a [`Server`](crate::Server), from anywhere, as often as one likes.
///
/// Its clones are one handle. After [`begin`](Self::begin) the server accepts nothing new, closes
/// connections that are idle, and lets running requests finish.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<State>);

#[derive(Debug, Default)]
struct State {
    begun: AtomicBool,
    waiting: Notify,
}

impl Shutdown {
    /// A handle that has stopped nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops every server that holds this handle.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
        self.0.waiting.notify_waiters();
    }

    /// Whether [`begin`](Self::begin) was called.
    pub fn begun(&self) -> bool {
        self.0.begun.load(Ordering::Acquire)
    }

    /// Waits for [`begin`](Self::begin).
    pub async fn wait(&self) {
        // Made before the flag is read: a `begin` between the two still wakes it.
        let told = self.0.waiting.notified();
        if !self.begun() {
            told.await;
        }
    }

    /// [`wait`](Self::wait) as a value to keep and poll.
    pub(crate) fn waiter(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let this = self.clone();
        Box::pin(async move { this.wait().await })
    }
}
