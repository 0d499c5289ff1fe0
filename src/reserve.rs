//! How much memory of its control group a dump leaves free. Pure: what calls for the dump and who is in the group in, bytes out.

use std::time::Duration;

use crate::summary::Reason;

/// What is left free: a part of the group's limit, and so many bytes at least; beyond that, what the group is about to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    percent: u64,
    least: u64,
    foresight: Duration,
}

/// How long it takes until a copy has given its memory back, from the first look that finds too little left: 10 to 60 ms on two
/// busy processors.
const UNTIL_A_COPY_IS_GONE: Duration = Duration::from_millis(50);

/// Where processes live on: nobody in the group is killed because of the dump, whatever they take while it is made.
const AMONG_THE_LIVING: Reserve = Reserve {
    percent: 2,
    least: 16 << 20,
    foresight: UNTIL_A_COPY_IS_GONE,
};

/// At a process' last moment: it waits, its memory is free as soon as the dump is complete, and a kill could take nothing but the
/// file. This is what the kernel may charge to the group between two looks at it.
const AT_THE_END: Reserve = Reserve {
    percent: 0,
    least: 2 << 20,
    foresight: Duration::ZERO,
};

impl Reserve {
    /// The reserve of a dump for `reason`. `kills_others` where a kill in the group would take processes that have nothing to do
    /// with the dumped one.
    pub fn of_dump(reason: Reason, kills_others: bool) -> Reserve {
        match reason {
            Reason::OutOfMemory if !kills_others => AT_THE_END,
            // Near its limit an application may be saved by V8's last collection.
            Reason::OutOfMemory
            | Reason::NearHeapLimit
            | Reason::Threshold
            | Reason::Rss
            | Reason::Signal
            | Reason::Request => AMONG_THE_LIVING,
        }
    }

    /// The bytes that are left free of `limit`.
    pub fn bytes(self, limit: u64) -> u64 {
        (limit / 100 * self.percent).max(self.least)
    }

    /// The bytes that are left free beyond that while the group grows by `growth` bytes a millisecond.
    pub fn foreseen(self, growth: u64) -> u64 {
        growth.saturating_mul(self.foresight.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn an_application_that_may_live_on_keeps_2_percent_of_the_limit_and_16_mb_at_least() {
        for reason in [
            Reason::Threshold,
            Reason::NearHeapLimit,
            Reason::Rss,
            Reason::Signal,
            Reason::Request,
        ] {
            let reserve = Reserve::of_dump(reason, false);
            assert_eq!(reserve.bytes(100 * MB), 16 * MB, "{reason:?}");
            assert_eq!(reserve.bytes(1000 * MB), 20 * MB, "{reason:?}");
        }
    }

    #[test]
    fn when_v8_has_given_up_there_is_nothing_to_protect_but_the_file() {
        let reserve = Reserve::of_dump(Reason::OutOfMemory, false);
        assert_eq!(reserve.bytes(100 * MB), 2 * MB);
        assert_eq!(reserve.bytes(10_000 * MB), 2 * MB);
    }

    #[test]
    fn a_death_must_not_become_that_of_others() {
        let reserve = Reserve::of_dump(Reason::OutOfMemory, true);
        assert_eq!(reserve.bytes(100 * MB), 16 * MB);
    }

    #[test]
    fn a_group_that_fills_fast_keeps_what_it_uses_while_a_copy_is_ended() {
        let reserve = Reserve::of_dump(Reason::Threshold, false);
        assert_eq!(reserve.bytes(100 * MB) + reserve.foreseen(0), 16 * MB);
        assert_eq!(reserve.bytes(100 * MB) + reserve.foreseen(2 * MB), 116 * MB);
        let at_the_end = Reserve::of_dump(Reason::OutOfMemory, false);
        assert_eq!(
            at_the_end.bytes(100 * MB) + at_the_end.foreseen(2 * MB),
            2 * MB
        );
    }
}
