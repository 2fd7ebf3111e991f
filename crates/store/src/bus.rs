//! Tells subscribers inside this process what changed.

use tokio::sync::broadcast;

/// A bounded bus: a publisher never waits, and a subscriber that is slower than the bus is long
/// is told that it missed something.
pub struct Bus<T> {
    sender: broadcast::Sender<T>,
}

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<T> {
    Item(T),
    /// This many items were dropped because this subscriber was slow.
    Missed(u64),
}

/// One subscriber.
pub struct Subscription<T> {
    receiver: broadcast::Receiver<T>,
}

impl<T: Clone> Bus<T> {
    /// A bus that holds `capacity` items for its slowest subscriber; at least 1.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            sender: broadcast::Sender::new(capacity.max(1)),
        }
    }

    /// Tells everyone who listens now.
    pub fn publish(&self, item: T) {
        // An error only means that nobody listens.
        let _ = self.sender.send(item);
    }

    /// Hears all that is published from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription<T> {
        Subscription {
            receiver: self.sender.subscribe(),
        }
    }
}

impl<T: Clone> Subscription<T> {
    /// The next item; `None` when the bus is gone. May be cancelled without loss.
    pub async fn next(&mut self) -> Option<Received<T>> {
        match self.receiver.recv().await {
            Ok(item) => Some(Received::Item(item)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Received::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_subscriber_is_told_how_much_it_missed_and_goes_on() {
        let bus = Bus::new(2);
        let mut slow = bus.subscribe();
        for number in 0..5 {
            bus.publish(number);
        }
        assert_eq!(slow.next().await, Some(Received::Missed(3)));
        assert_eq!(slow.next().await, Some(Received::Item(3)));
        assert_eq!(slow.next().await, Some(Received::Item(4)));
        drop(bus);
        assert_eq!(slow.next().await, None);
    }
}
