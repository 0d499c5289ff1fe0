//! Whether there is memory for what an application writes while it is copied. Its control group may be filled within the few
//! milliseconds that a helper needs to look for the first time, and then the kernel would end the copy.

use crate::message::megabytes;
use crate::reserve::Reserve;
use crate::summary::DumpMetadata;

/// A copy would take the last that the control group has, and its helper would end it at the first look.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{} MB of memory are left in the control group, too little for what the application writes while it is copied; raise the \
     limit",
    megabytes(*headroom)
)]
pub struct NoRoomForCopies {
    headroom: u64,
}

/// Goes by what was just gathered for the dump.
///
/// # Errors
/// [`NoRoomForCopies`].
pub fn for_copies(metadata: &DumpMetadata) -> Result<(), NoRoomForCopies> {
    let (Some(used), Some(limit)) = (metadata.cgroup_current, metadata.cgroup_limit) else {
        return Ok(());
    };
    let headroom = limit.saturating_sub(used);
    if headroom < Reserve::of_dump(metadata.reason, false).bytes(limit) {
        return Err(NoRoomForCopies { headroom });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn an_application_is_not_copied_into_what_its_helper_must_leave_of_the_control_group() {
        for (used, refused) in [
            (84 * MB, Ok(())),
            (85 * MB, Err(NoRoomForCopies { headroom: 15 * MB })),
        ] {
            let metadata = DumpMetadata {
                cgroup_current: Some(used),
                cgroup_limit: Some(100 * MB),
                ..DumpMetadata::default()
            };
            assert_eq!(for_copies(&metadata), refused);
        }
    }

    #[test]
    fn without_a_limit_there_is_room() {
        assert_eq!(for_copies(&DumpMetadata::default()), Ok(()));
    }
}
