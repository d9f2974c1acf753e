//! Memory of this process.

use crate::error::{Doing, Result};

/// Gives memory that was freed back to the system.
pub fn release_freed() {
    // SAFETY: takes no pointer; the allocator locks itself.
    unsafe { libc::malloc_trim(0) };
}

/// Where this process has pages that it may write and what it writes is its own alone: ranges of addresses as they were when it looked.
#[derive(Debug, Clone)]
pub struct Writable(Vec<(usize, usize)>);

impl Writable {
    /// Looks.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn own() -> Result<Self> {
        let mapped = private_and_writable(&std::fs::read_to_string("/proc/self/maps").doing("read where our memory is")?);
        Ok(Self(mapped.into_iter().flat_map(|(begin, end)| present(begin, end)).collect()))
    }

    /// Has a copy of this process have its own pages there, before it writes to them. Where that cannot be, each is copied when it is
    /// first written, as ever. What is not there any more is left out.
    pub fn make_own(&self) {
        for (begin, end) in &self.0 {
            let length = end.saturating_sub(*begin);
            // SAFETY: changes no content, whatever is there by now; where nothing is, the kernel refuses.
            unsafe { libc::madvise(std::ptr::without_provenance_mut(*begin), length, libc::MADV_POPULATE_WRITE) };
        }
    }
}

/// The parts of a mapping that have pages, of a file's mapping also pages that only the file has yet; none where the kernel does not say.
fn present(begin: usize, end: usize) -> Vec<(usize, usize)> {
    // SAFETY: plain call.
    let Some(page) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok().filter(|page| *page > 0) else {
        return Vec::new();
    };
    let length = end.saturating_sub(begin);
    let mut pages = vec![0u8; length.div_ceil(page)];
    // SAFETY: `pages` has a byte for each page of the range; the kernel reads no memory there.
    if unsafe { libc::mincore(std::ptr::without_provenance_mut(begin), length, pages.as_mut_ptr()) } != 0 {
        return Vec::new();
    }
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for (at, _) in (begin..end).step_by(page).zip(&pages).filter(|(_, there)| **there & 1 == 1) {
        match parts.last_mut().filter(|(_, before)| *before == at) {
            Some((_, before)) => *before = at.saturating_add(page),
            None => parts.push((at, at.saturating_add(page))),
        }
    }
    parts
}

/// Of `proc_pid_maps(5)`: the ranges with the permissions `rw-p`.
fn private_and_writable(maps: &str) -> Vec<(usize, usize)> {
    let range = |line: &str| {
        let mut fields = line.split(' ');
        let (begin, end) = fields.next()?.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        (fields.next()? == "rw-p").then_some((address(begin)?, address(end)?))
    };
    maps.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_private_and_writable_is_found() {
        let maps = "1000-3000 rw-p 00000000 00:00 0\n3000-4000 r--p 00000000 fe:00 12 /usr/bin/a rw-p\n4000-5000 rw-s 0 0:1 9 /x\n\
            7ffc5a1e9000-7ffc5a20a000 rw-p 00000000 00:00 0                          [stack]\nnonsense\n";
        assert_eq!(private_and_writable(maps), [(0x1000, 0x3000), (0x7ffc_5a1e_9000, 0x7ffc_5a20_a000)]);
    }

    #[test]
    fn what_is_written_stays_as_it_is_and_only_pages_that_are_there_are_taken() {
        // Of its own mapping: what the allocator gives for so much.
        let mut text = vec![0u8; 64 << 20];
        let here = |text: &[u8], at: usize| text.as_ptr().addr() + at;
        text[0] = b'k';
        text[32 << 20] = b'l';
        let writable = Writable::own().unwrap();
        let taken = |address: usize| writable.0.iter().any(|(begin, end)| (*begin..*end).contains(&address));
        assert!(taken(here(&text, 0)) && taken(here(&text, 32 << 20)) && !taken(here(&text, 48 << 20)));
        writable.make_own();
        Writable(vec![(0x1000, 0x2000), (7, 6)]).make_own();
        assert_eq!((text[0], text[32 << 20], text[48 << 20]), (b'k', b'l', 0));
    }
}
