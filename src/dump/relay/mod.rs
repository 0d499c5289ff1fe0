//! A pipe of the helper's own, through which pages go from the frozen child's pipe to the file: nobody looks at them, and only
//! the file copies them.
//!
//! On the straight way the first pipe is locked for as long as the disk takes. The child waits for that lock and cannot even
//! be ended meanwhile, nor can the application go on that waits for the child.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::Relay;
#[cfg(target_os = "linux")]
pub use linux::Relay;

/// Bytes that were taken from a pipe, and that nobody needs to look at.
#[derive(Debug)]
pub enum Piece<'a> {
    /// A copy.
    Copied(&'a [u8]),
    /// All that is in a relay. Who gets it empties it.
    Relayed(&'a mut Relay),
}

impl Piece<'_> {
    /// The number of bytes.
    pub fn len(&self) -> usize {
        match self {
            Piece::Copied(bytes) => bytes.len(),
            Piece::Relayed(relay) => relay.held(),
        }
    }

    /// Whether the pipe has ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
