//! How the C library keeps memory.

/// All threads of this process take memory from one place. By itself each thread gets a place of its own, and what it let go of stays
/// there for that thread alone: a server whose threads all read large rows keeps them many times over. To be called before there are threads.
pub fn in_one_place() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: mallopt sets a number and reads no memory of ours; where it does not take it, it says so and nothing changes.
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}
