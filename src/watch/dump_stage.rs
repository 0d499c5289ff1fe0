//! How far the dump of one isolate has come: one word that the isolate's thread and the monitor share.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The stages in their order. From the last two, the next dump goes back to `Requested`.
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
    /// The helpers of complete files that have not ended: they look for what leaked and run the program of the option `exec`.
    helpers: AtomicU32,
}

impl Default for DumpStage {
    fn default() -> Self {
        Self {
            word: AtomicU8::new(Stage::Idle as u8),
            helpers: AtomicU32::new(0),
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

    /// Whether a dump is being made.
    pub fn is_at_work(&self) -> bool {
        match self.get() {
            Stage::Requested | Stage::Connected | Stage::Frozen => true,
            Stage::Idle | Stage::Complete | Stage::Failed => false,
        }
    }

    /// Claims the next dump. True for exactly one caller, and for none while a dump is being made.
    pub fn claim(&self) -> bool {
        let stage = self.get();
        !self.is_at_work() && self.advance(stage, Stage::Requested)
    }

    /// Waits until the helper is connected or has ended, at most `patience`. The helper needs nothing of this thread until
    /// then, and each millisecond saved here is memory that the isolate does not eat up meanwhile.
    pub fn wait_for_connection(&self, patience: Duration) {
        self.wait_while(Stage::Requested, Instant::now() + patience);
    }

    /// Waits until the dump from the frozen image is complete or has failed, at most until `deadline`.
    pub fn wait_for_frozen_child(&self, deadline: Instant) {
        self.wait_while(Stage::Frozen, deadline);
    }

    /// A file is complete, and its helper is still there.
    pub fn note_helper(&self) {
        self.helpers.fetch_add(1, Ordering::AcqRel);
    }

    /// That helper has ended.
    pub fn helper_ended(&self) {
        self.helpers.fetch_sub(1, Ordering::AcqRel);
    }

    /// Waits until the helpers of complete files have ended, at most until `deadline`. Only a process at its end, which nothing
    /// may outlive, waits for what they do.
    pub fn wait_for_helpers(&self, deadline: Instant) {
        wait_while(|| self.helpers.load(Ordering::Acquire) > 0, deadline);
    }

    fn wait_while(&self, stage: Stage, deadline: Instant) {
        wait_while(|| self.get() == stage, deadline);
    }

    fn advance(&self, from: Stage, to: Stage) -> bool {
        self.word
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

fn wait_while(is_so: impl Fn() -> bool, deadline: Instant) {
    const PAUSE: Duration = Duration::from_micros(500);
    while is_so() && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
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
        assert_eq!(stage.get(), Stage::Requested);
    }

    #[test]
    fn while_a_dump_is_made_no_other_is_claimed() {
        for at_work in [Stage::Requested, Stage::Connected, Stage::Frozen] {
            let stage = DumpStage::default();
            stage.set(at_work);
            assert!(!stage.claim(), "{at_work:?}");
        }
    }

    #[test]
    fn after_a_dump_the_next_one_can_be_claimed() {
        for over in [Stage::Complete, Stage::Failed] {
            let stage = DumpStage::default();
            stage.set(over);
            assert!(stage.claim(), "{over:?}");
        }
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
    fn whoever_waits_for_the_file_or_wants_the_next_one_does_not_wait_for_what_follows() {
        let stage = DumpStage::default();
        let deadline = Instant::now() + Duration::from_secs(60);
        stage.note_helper();
        stage.set(Stage::Complete);
        stage.wait_for_frozen_child(deadline);
        assert!(stage.claim());
        std::thread::scope(|scope| {
            scope.spawn(|| stage.helper_ended());
            stage.wait_for_helpers(deadline);
        });
        assert_eq!(stage.get(), Stage::Requested);
    }

    #[test]
    fn waiting_ends_with_its_patience() {
        let stage = DumpStage::default();
        assert!(stage.claim());
        stage.wait_for_connection(Duration::from_millis(1));
        assert_eq!(stage.get(), Stage::Requested);
    }
}
