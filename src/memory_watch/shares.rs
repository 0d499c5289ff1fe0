//! Which of several processes holds the most. Pure.

/// Whether `process` holds the most memory of `all`; of equals, the one with the smaller id does. What holds nothing that can be
/// seen does not count.
pub fn is_largest(process: u32, all: &[u32], memory: impl Fn(u32) -> Option<u64>) -> bool {
    let own = memory(process).unwrap_or(0);
    all.iter()
        .filter(|other| **other != process)
        .all(|other| match memory(*other) {
            Some(others) => others < own || (others == own && process < *other),
            None => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(process: u32) -> Option<u64> {
        match process {
            1 => Some(100),
            2 | 3 => Some(300),
            _ => None,
        }
    }

    #[test]
    fn the_process_with_the_largest_share_is_found() {
        assert!(is_largest(2, &[1, 2], memory));
        assert!(!is_largest(1, &[1, 2], memory));
    }

    #[test]
    fn of_two_equals_one_is_found() {
        let all = [1, 2, 3];
        let found: Vec<_> = all
            .into_iter()
            .filter(|process| is_largest(*process, &all, memory))
            .collect();
        assert_eq!(found, [2]);
    }

    #[test]
    fn processes_that_cannot_be_seen_do_not_count() {
        assert!(is_largest(1, &[1, 9], memory));
        assert!(is_largest(1, &[], memory));
    }
}
