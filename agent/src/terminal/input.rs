//! The bounded queue of what viewers typed and the shell has not read yet.
//!
//! It has room for a large paste, so that the frames that its viewer sends next (acknowledgements, its size) are handled
//! while the shell still reads. An interrupt does not wait behind input that the shell does not read.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

/// The capacity of the queue, in bytes.
const CAPACITY: usize = 2 * 1024 * 1024;

/// The viewers' end of the queue.
pub struct InputSender {
    room: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Item>,
    interrupts: mpsc::Sender<u8>,
}

/// An entry of the queue.
enum Item {
    Typed(Typed),
    /// Marks the place of an interrupt.
    Interrupted,
}

/// The shell's end of the queue.
pub struct InputReceiver {
    receiver: mpsc::UnboundedReceiver<Item>,
    interrupts: mpsc::Receiver<u8>,
}

/// What the shell gets next.
pub enum Input {
    /// Bytes that were typed.
    Typed(Typed),
    /// A byte that replaces all that was typed before it.
    Interrupt(u8),
}

/// Bytes that were typed. They take up room in the queue until this is dropped.
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

impl InputSender {
    /// Creates an empty queue and returns its two ends.
    pub fn new() -> (Self, InputReceiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (interrupts, urgent) = mpsc::channel(1);
        let room = Arc::new(Semaphore::new(CAPACITY));
        (Self { room, sender, interrupts }, InputReceiver { receiver, interrupts: urgent })
    }

    /// Appends bytes. Waits while there is no room.
    ///
    /// Empty input is ignored: it would take no room, and any number of entries could pile up.
    pub async fn push(&self, bytes: Vec<u8>) {
        let Ok(len @ 1..) = u32::try_from(bytes.len()) else { return };
        // both fail only when the agent ends
        let Ok(permits) = self.room.acquire_many(len).await else { return };
        permits.forget();
        let _ = self.sender.send(Item::Typed(Typed { bytes, room: self.room.clone() }));
    }

    /// Replaces all that waits with one byte.
    pub fn interrupt(&self, byte: u8) {
        // there is no room if an interrupt is waiting already, and a second one would add nothing
        if let Ok(slot) = self.interrupts.try_reserve() {
            // fails only when the agent ends
            let _ = self.sender.send(Item::Interrupted);
            slot.send(byte);
        }
    }

    /// Returns whether there is input that the shell has not read.
    pub fn is_waiting(&self) -> bool {
        self.room.available_permits() < CAPACITY
    }
}

impl InputReceiver {
    /// Waits for the next input. Returns `None` when the agent ends.
    pub async fn next(&mut self) -> Option<Input> {
        loop {
            tokio::select! {
                biased;
                byte = self.interrupts.recv() => return byte.map(Input::Interrupt),
                item = self.receiver.recv() => match item? {
                    Item::Typed(typed) => return Some(Input::Typed(typed)),
                    Item::Interrupted => {}
                },
            }
        }
    }

    /// Waits for the next interrupt while other input is being written.
    pub async fn interrupt(&mut self) -> Option<u8> {
        self.interrupts.recv().await
    }

    /// Discards what was typed before the last interrupt.
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
        let (input, mut receiver) = InputSender::new();
        assert!(!input.is_waiting());
        input.push(vec![1; CAPACITY - 1]).await;
        let mut blocked = Box::pin(input.push(vec![2, 3]));
        assert!((&mut blocked).now_or_never().is_none());
        let first = receiver.next().await;
        assert!(input.is_waiting());
        drop(first);
        blocked.await;
        assert!(matches!(receiver.next().await, Some(Input::Typed(typed)) if typed.bytes() == [2, 3]));
        assert!(!input.is_waiting());
    }

    #[tokio::test]
    async fn empty_input_takes_no_place_in_the_queue() {
        let (input, mut receiver) = InputSender::new();
        for _ in 0..1000 {
            input.push(vec![]).await;
        }
        assert!(receiver.receiver.is_empty() && !input.is_waiting());
        input.push(vec![1]).await;
        assert!(matches!(receiver.next().await, Some(Input::Typed(typed)) if typed.bytes() == [1]));
    }

    #[tokio::test]
    async fn an_interrupt_overtakes_what_waits() {
        let (input, mut receiver) = InputSender::new();
        input.push(vec![1; 10]).await;
        input.interrupt(3);
        input.push(vec![2]).await;
        assert!(matches!(receiver.next().await, Some(Input::Interrupt(3))));
        receiver.clear();
        assert!(matches!(receiver.next().await, Some(Input::Typed(typed)) if typed.bytes() == [2]));
        assert!(!input.is_waiting() && receiver.next().now_or_never().is_none());
    }
}
