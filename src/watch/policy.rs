//! Whether a dump is made, and what the application does meanwhile. Pure: figures in, decisions out.

use std::time::Duration;

use super::Cause;

/// What the user allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long a dying process is held for its dump.
    pub timeout: Duration,
    /// How many dumps are made of a process that is not dying, for its threshold and its memory.
    pub max_dumps: u32,
    /// How long after such a dump, or after a complete one, the next dump of the isolate may follow at the earliest.
    pub cooldown: Duration,
    /// Whether nothing but the program itself, or the signal, may ask for a dump.
    pub only_on_request: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(300_000),
            max_dumps: 1,
            cooldown: Duration::from_millis(600_000),
            only_on_request: false,
        }
    }
}

/// What is known of the dumps so far. Those that somebody asked for do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// Dumps of the process while it was not dying.
    pub precautions: u32,
    /// Since the isolate's last dump was begun.
    pub since_begun: Option<Duration>,
    /// Since the isolate's last complete dump.
    pub since_complete: Option<Duration>,
    /// Whether that one was made at an end which the isolate has not left since.
    pub shows_this_death: bool,
}

/// Whether `cause` calls for a dump, when none is being made. A death always does, unless a fresh dump shows what led to it.
pub fn is_due(cause: &Cause, rules: &Rules, past: &Past) -> bool {
    let has_cooled = |since: Option<Duration>| since.is_none_or(|since| since >= rules.cooldown);
    match cause {
        Cause::Signal => true,
        _ if rules.only_on_request => false,
        Cause::Threshold | Cause::Memory { .. } => {
            past.precautions < rules.max_dumps && has_cooled(past.since_begun)
        }
        Cause::NearHeapLimit | Cause::OutOfMemory { .. } => {
            !past.shows_this_death && has_cooled(past.since_complete)
        }
    }
}

/// The memory around the process, in bytes. What could not be learned is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryLeft {
    /// Until a control group's limit or the end of the machine's memory.
    pub headroom: Option<u64>,
    /// What copying could need at the worst: the application writes to all of its own memory while the frozen child lives.
    pub copying: Option<u64>,
    /// Whether any kill in the control group is the end of all its processes.
    pub die_together: bool,
}

impl MemoryLeft {
    fn is_enough_to_copy(&self) -> bool {
        match (self.headroom, self.copying) {
            (Some(headroom), Some(copying)) => headroom >= copying,
            _ => false,
        }
    }
}

/// What the application does while its dump is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    /// It goes on; what it writes to is copied.
    GoesOn,
    /// The isolate's thread waits, so that nothing needs to be copied.
    Waits,
    /// The thread that waits is not the isolate's own, which may still write to the heap.
    OtherThreadWaits,
}

/// What the isolate does during a dump for `cause`; `None` where there must be no dump now. One that is not dying goes on as long
/// as there is memory to copy. A worker has no fatal error after the near-heap-limit call, so it waits there.
pub fn meanwhile(cause: &Cause, is_worker: bool, left: &MemoryLeft) -> Option<Meanwhile> {
    let goes_on_if_there_is_memory = if left.is_enough_to_copy() {
        Meanwhile::GoesOn
    } else {
        Meanwhile::Waits
    };
    match cause {
        Cause::Threshold if left.die_together && !left.is_enough_to_copy() => None,
        Cause::Threshold => Some(Meanwhile::GoesOn),
        Cause::NearHeapLimit if is_worker => Some(Meanwhile::Waits),
        Cause::NearHeapLimit | Cause::Memory { .. } | Cause::Signal => {
            Some(goes_on_if_there_is_memory)
        }
        Cause::OutOfMemory { .. } => Some(Meanwhile::Waits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MEMORY: Cause = Cause::Memory {
        used: 95,
        limit: 100,
        bound: super::super::MemoryBound::Percent(90.0),
    };

    fn out_of_memory() -> Cause {
        Cause::OutOfMemory {
            location: "invalid table size".to_owned(),
        }
    }

    fn deaths() -> [Cause; 2] {
        [Cause::NearHeapLimit, out_of_memory()]
    }

    fn precautions() -> [Cause; 2] {
        [Cause::Threshold, MEMORY]
    }

    fn is_due_after(cause: &Cause, past: Past) -> bool {
        let rules = Rules {
            max_dumps: 2,
            cooldown: 10 * SECOND,
            ..Rules::default()
        };
        is_due(cause, &rules, &past)
    }

    #[test]
    fn the_first_dump_is_due_for_any_cause() {
        for cause in precautions()
            .iter()
            .chain(&deaths())
            .chain(&[Cause::Signal])
        {
            assert!(is_due_after(cause, Past::default()), "{cause:?}");
        }
    }

    #[test]
    fn a_program_that_wants_dumps_on_request_alone_gets_no_other() {
        let rules = Rules {
            only_on_request: true,
            ..Rules::default()
        };
        let past = Past::default();
        let unasked = precautions().into_iter().chain(deaths());
        assert!(
            !unasked
                .into_iter()
                .any(|cause| is_due(&cause, &rules, &past))
        );
        assert!(is_due(&Cause::Signal, &rules, &past));
    }

    #[test]
    fn a_death_is_dumped_however_many_dumps_there_were() {
        let past = Past {
            precautions: 2,
            since_begun: Some(11 * SECOND),
            since_complete: Some(10 * SECOND),
            shows_this_death: false,
        };
        assert!(deaths().iter().all(|cause| is_due_after(cause, past)));
        assert!(!precautions().iter().any(|cause| is_due_after(cause, past)));
    }

    #[test]
    fn a_death_soon_after_a_complete_dump_needs_no_other() {
        let past = Past {
            precautions: 1,
            since_begun: Some(10 * SECOND),
            since_complete: Some(9 * SECOND),
            shows_this_death: false,
        };
        assert!(!deaths().iter().any(|cause| is_due_after(cause, past)));
    }

    #[test]
    fn a_death_is_dumped_though_a_dump_has_just_failed() {
        let past = Past {
            precautions: 1,
            since_begun: Some(SECOND),
            since_complete: None,
            shows_this_death: false,
        };
        assert!(deaths().iter().all(|cause| is_due_after(cause, past)));
    }

    #[test]
    fn between_two_dumps_of_a_living_process_lies_the_cooldown_also_where_the_first_failed() {
        let begun = |since| Past {
            precautions: 1,
            since_begun: Some(since),
            since_complete: None,
            shows_this_death: false,
        };
        for cause in precautions() {
            assert!(!is_due_after(&cause, begun(9 * SECOND)));
            assert!(is_due_after(&cause, begun(10 * SECOND)));
        }
    }

    #[test]
    fn a_signal_is_always_obeyed() {
        let past = Past {
            precautions: 9,
            since_begun: Some(SECOND),
            since_complete: Some(SECOND),
            shows_this_death: false,
        };
        assert!(is_due_after(&Cause::Signal, past));
    }

    fn left(headroom: u64) -> MemoryLeft {
        MemoryLeft {
            headroom: Some(headroom),
            copying: Some(100),
            die_together: false,
        }
    }

    #[test]
    fn at_the_threshold_the_application_never_waits() {
        for headroom in [0, 99, 100] {
            let decision = meanwhile(&Cause::Threshold, false, &left(headroom));
            assert_eq!(decision, Some(Meanwhile::GoesOn));
        }
    }

    #[test]
    fn where_a_kill_takes_all_processes_a_threshold_dump_needs_memory_for_the_worst_copying() {
        let decision = |headroom| {
            let left = MemoryLeft {
                die_together: true,
                ..left(headroom)
            };
            meanwhile(&Cause::Threshold, false, &left)
        };
        assert_eq!(decision(99), None);
        assert_eq!(decision(100), Some(Meanwhile::GoesOn));
    }

    #[test]
    fn near_the_limit_a_process_is_held_only_where_copying_could_need_more_than_is_left() {
        for cause in [Cause::NearHeapLimit, MEMORY, Cause::Signal] {
            let decision = |headroom| meanwhile(&cause, false, &left(headroom));
            assert_eq!(decision(100), Some(Meanwhile::GoesOn));
            assert_eq!(decision(99), Some(Meanwhile::Waits));
        }
    }

    #[test]
    fn unknown_memory_is_taken_for_too_little() {
        let unknown = MemoryLeft::default();
        assert_eq!(
            meanwhile(&Cause::NearHeapLimit, false, &unknown),
            Some(Meanwhile::Waits)
        );
    }

    #[test]
    fn a_worker_waits_at_its_near_heap_limit_call() {
        assert_eq!(
            meanwhile(&Cause::NearHeapLimit, true, &left(1000)),
            Some(Meanwhile::Waits)
        );
    }

    #[test]
    fn at_the_fatal_error_the_process_waits() {
        for is_worker in [false, true] {
            assert_eq!(
                meanwhile(&out_of_memory(), is_worker, &left(1000)),
                Some(Meanwhile::Waits)
            );
        }
    }
}
