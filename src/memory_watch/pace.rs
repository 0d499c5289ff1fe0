//! How often memory is sampled. Pure.

use std::time::Duration;

const CALM: Duration = Duration::from_millis(1000);
const CLOSE: Duration = Duration::from_millis(250);

/// From here on, as a share of the bound, a sample a second could come too late.
const CLOSE_SHARE: f64 = 0.75;

/// How long until the next sample, where the bound is `filled` to this share. Above it there is nothing left to hurry for: the
/// dump was asked for.
pub fn until_next_sample(filled: f64) -> Duration {
    if (CLOSE_SHARE..=1.0).contains(&filled) {
        CLOSE
    } else {
        CALM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_from_the_bound_a_sample_a_second_is_enough() {
        assert_eq!(until_next_sample(0.0), CALM);
        assert_eq!(until_next_sample(0.74), CALM);
    }

    #[test]
    fn close_to_the_bound_samples_are_more_frequent() {
        assert_eq!(until_next_sample(0.75), CLOSE);
        assert_eq!(until_next_sample(1.0), CLOSE);
    }

    #[test]
    fn above_the_bound_there_is_no_hurry() {
        assert_eq!(until_next_sample(1.01), CALM);
    }
}
