//! What viewers typed and the shell has not read yet, up to a number of bytes.
//!
//! There is room for a large paste, so that what its viewer says after it (what it has shown, how large it is) is
//! heard while the shell still reads. An interrupt does not wait behind what a shell does not read.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

/// How much may wait, in bytes.
const MOST: usize = 2 * 1024 * 1024;

/// Takes what is typed.
pub struct Input {
    room: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Item>,
    interrupts: mpsc::Sender<u8>,
}

/// What waits for the shell.
enum Item {
    Typed(Typed),
    /// An interrupt came here.
    Interrupted,
}

/// Gives it to the shell, in the order in which it came.
pub struct Keys {
    receiver: mpsc::UnboundedReceiver<Item>,
    interrupts: mpsc::Receiver<u8>,
}

/// What the shell should get next.
pub enum Key {
    /// This.
    Typed(Typed),
    /// This byte, in place of all that was typed before it.
    Interrupt(u8),
}

/// Something typed; it takes up room until it is dropped.
pub struct Typed {
    bytes: Vec<u8>,
    room: Arc<Semaphore>,
}

impl Typed {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.room.add_permits(self.bytes.len());
    }
}

impl Input {
    /// An empty queue, and its end.
    pub fn new() -> (Self, Keys) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (interrupts, hurry) = mpsc::channel(1);
        let room = Arc::new(Semaphore::new(MOST));
        (Self { room, sender, interrupts }, Keys { receiver, interrupts: hurry })
    }

    /// Types; waits while there is no room.
    pub async fn push(&self, bytes: Vec<u8>) {
        let Ok(len) = u32::try_from(bytes.len()) else { return };
        // both fail only when the agent ends
        let Ok(permits) = self.room.acquire_many(len).await else { return };
        permits.forget();
        let _ = self.sender.send(Item::Typed(Typed { bytes, room: self.room.clone() }));
    }

    /// Types a byte in place of all that waits.
    pub fn interrupt(&self, byte: u8) {
        // there is no place where one is on its way already; what is typed after it is not meant
        if let Ok(place) = self.interrupts.try_reserve() {
            // fails only when the agent ends
            let _ = self.sender.send(Item::Interrupted);
            place.send(byte);
        }
    }

    /// Whether there is something that the shell has not read.
    pub fn is_waiting(&self) -> bool {
        self.room.available_permits() < MOST
    }
}

impl Keys {
    /// The next that was typed; none when the agent ends.
    pub async fn next(&mut self) -> Option<Key> {
        loop {
            tokio::select! {
                biased;
                byte = self.interrupts.recv() => return byte.map(Key::Interrupt),
                item = self.receiver.recv() => match item? {
                    Item::Typed(typed) => return Some(Key::Typed(typed)),
                    Item::Interrupted => {}
                },
            }
        }
    }

    /// The next interrupt, which came while something else was being written.
    pub async fn interrupt(&mut self) -> Option<u8> {
        self.interrupts.recv().await
    }

    /// Forgets what was typed before the interrupt that came last.
    pub fn clear(&mut self) {
        while let Ok(Item::Typed(_)) = self.receiver.try_recv() {}
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_has_no_room_waits_and_nothing_is_lost() {
        let (input, mut keys) = Input::new();
        assert!(!input.is_waiting());
        input.push(vec![1; MOST - 1]).await;
        let mut blocked = Box::pin(input.push(vec![2, 3]));
        assert!((&mut blocked).now_or_never().is_none());
        let first = keys.next().await;
        assert!(input.is_waiting());
        drop(first);
        blocked.await;
        assert!(matches!(keys.next().await, Some(Key::Typed(typed)) if typed.bytes() == [2, 3]));
        assert!(!input.is_waiting());
    }

    #[tokio::test]
    async fn an_interrupt_overtakes_what_waits() {
        let (input, mut keys) = Input::new();
        input.push(vec![1; 10]).await;
        input.interrupt(3);
        input.push(vec![2]).await;
        assert!(matches!(keys.next().await, Some(Key::Interrupt(3))));
        keys.clear();
        assert!(matches!(keys.next().await, Some(Key::Typed(typed)) if typed.bytes() == [2]));
        assert!(!input.is_waiting() && keys.next().now_or_never().is_none());
    }
}
