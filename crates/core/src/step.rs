/// What one call to a machine did: it ate `used` bytes off the front of its input and saw one event.
///
/// The caller drops the first `used` bytes when it has finished with the event (an event may lend
/// from the input) and offers the rest, with whatever arrived since, in the next call.
#[must_use = "the bytes in `used` are the machine's; offering them again corrupts the stream"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<E> {
    /// Octets of the input that the machine has finished with.
    pub used: usize,
    /// The one event that the call produced.
    pub event: E,
}

impl<E> Step<E> {
    /// A step that ate `used` octets and saw `event`.
    pub const fn new(used: usize, event: E) -> Self {
        Self { used, event }
    }

    /// The same step with another view of its event.
    pub fn map<F>(self, view: impl FnOnce(E) -> F) -> Step<F> {
        Step {
            used: self.used,
            event: view(self.event),
        }
    }
}
