//! What several fuzz targets need. Each target states in its first lines what must hold for any input.

pub mod memory;
pub mod memory_file;
