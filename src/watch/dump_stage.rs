//! How far the dump of one isolate has come: one word that the isolate's thread and the monitor share.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// The stages in their order. `Failed` may go back to `Requested`, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// No dump was asked for.
    Idle,
    /// The monitor has been asked to start the helper.
    Requested,
    /// The helper talks to the inspector: the snapshot begins as soon as the isolate runs JavaScript.
    Connected,
    /// The heap is read from a frozen image: the isolate may go on, stand still or, once the file is complete, die.
    Frozen,
    /// The file is complete under its final name.
    Complete,
    /// There is no file, and people have been told why.
    Failed,
}

impl Stage {
    fn from_word(word: u8) -> Self {
        [
            Self::Idle,
            Self::Requested,
            Self::Connected,
            Self::Frozen,
            Self::Complete,
            Self::Failed,
        ]
        .into_iter()
        .find(|stage| *stage as u8 == word)
        .unwrap_or(Self::Failed)
    }
}

/// The stage of an isolate's dump.
pub struct DumpStage {
    word: AtomicU8,
    repeated: AtomicBool,
}

impl Default for DumpStage {
    fn default() -> Self {
        Self {
            word: AtomicU8::new(Stage::Idle as u8),
            repeated: AtomicBool::new(false),
        }
    }
}

impl DumpStage {
    /// The stage now.
    pub fn get(&self) -> Stage {
        Stage::from_word(self.word.load(Ordering::Acquire))
    }

    /// Moves on to `stage`.
    pub fn set(&self, stage: Stage) {
        self.word.store(stage as u8, Ordering::Release);
    }

    /// Claims the first dump. True for exactly one caller.
    pub fn claim(&self) -> bool {
        self.advance(Stage::Idle, Stage::Requested)
    }

    /// Claims the dump at the limit: the first one, or one repetition of a dump that failed earlier (its disk may have room
    /// again, its inspector may be open by now).
    pub fn claim_last_chance(&self) -> bool {
        self.claim()
            || (self.get() == Stage::Failed
                && !self.repeated.swap(true, Ordering::AcqRel)
                && self.advance(Stage::Failed, Stage::Requested))
    }

    /// Waits until the helper is connected or has ended, at most `patience`. The helper needs nothing of this thread until
    /// then, and each millisecond saved here is memory that the isolate does not eat up meanwhile.
    pub fn wait_for_connection(&self, patience: Duration) {
        self.wait_while(Stage::Requested, patience);
    }

    /// Waits until the dump from the frozen image is complete or has failed, at most `patience`.
    pub fn wait_for_frozen_child(&self, patience: Duration) {
        self.wait_while(Stage::Frozen, patience);
    }

    fn wait_while(&self, stage: Stage, patience: Duration) {
        const PAUSE: Duration = Duration::from_micros(500);
        let deadline = Instant::now() + patience;
        while self.get() == stage && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
    }

    fn advance(&self, from: Stage, to: Stage) -> bool {
        self.word
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_claimed_once() {
        let stage = DumpStage::default();
        assert!(stage.claim());
        assert!(!stage.claim());
        assert!(!stage.claim_last_chance());
        assert_eq!(stage.get(), Stage::Requested);
    }

    #[test]
    fn a_failed_dump_is_repeated_once_at_the_limit() {
        let stage = DumpStage::default();
        assert!(stage.claim());
        stage.set(Stage::Failed);
        assert!(!stage.claim());
        assert!(stage.claim_last_chance());
        stage.set(Stage::Failed);
        assert!(!stage.claim_last_chance());
    }

    #[test]
    fn a_complete_dump_is_not_repeated() {
        let stage = DumpStage::default();
        assert!(stage.claim());
        stage.set(Stage::Complete);
        assert!(!stage.claim_last_chance());
    }

    #[test]
    fn waiting_ends_when_the_helper_connects() {
        let stage = DumpStage::default();
        assert!(stage.claim());
        std::thread::scope(|scope| {
            scope.spawn(|| stage.set(Stage::Connected));
            stage.wait_for_connection(Duration::from_secs(60));
        });
        assert_eq!(stage.get(), Stage::Connected);
    }

    #[test]
    fn waiting_ends_with_its_patience() {
        let stage = DumpStage::default();
        assert!(stage.claim());
        stage.wait_for_connection(Duration::from_millis(1));
        assert_eq!(stage.get(), Stage::Requested);
    }
}
