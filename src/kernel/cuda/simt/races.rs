//! Threads that meet in memory.

/// A thread, and how many barriers it has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Who {
    pub(super) block: u32,
    pub(super) epoch: u32,
    pub(super) thread: u32,
}

/// Who has come to an element.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Race {
    writer: Option<Who>,
    reader: Option<Who>,
    /// Whether another thread has read since the barrier before the last reader.
    is_read_by_several: bool,
    /// Whether threads of several blocks have read.
    is_read_by_blocks: bool,
}

impl Race {
    /// A thread reads.
    ///
    /// # Errors
    /// Another one has written, with no barrier since or in another block.
    pub(super) fn read(&mut self, who: Who) -> Result<(), String> {
        if meets(self.writer, who) {
            return Err(said(who, "is read by", "written"));
        }
        if let Some(last) = self.reader {
            let is_same_epoch = last.epoch == who.epoch;
            self.is_read_by_several =
                is_same_epoch && (self.is_read_by_several || last.thread != who.thread);
            self.is_read_by_blocks |= last.block != who.block;
        }
        self.reader = Some(who);
        Ok(())
    }

    /// A thread writes.
    ///
    /// # Errors
    /// Another one has read or written, with no barrier since or in another block.
    pub(super) fn write(&mut self, who: Who) -> Result<(), String> {
        if meets(self.writer, who) {
            return Err(said(who, "is written by", "written"));
        }
        let is_same_epoch = self.reader.is_some_and(|reader| reader.epoch == who.epoch);
        let is_read = self.is_read_by_blocks || self.is_read_by_several && is_same_epoch;
        if is_read || meets(self.reader, who) {
            return Err(said(who, "is written by", "read"));
        }
        self.writer = Some(who);
        Ok(())
    }
}

/// Whether nothing orders a thread behind another.
fn meets(before: Option<Who>, now: Who) -> bool {
    before.is_some_and(|before| {
        before.block != now.block || before.epoch == now.epoch && before.thread != now.thread
    })
}

fn said(now: Who, what: &str, before: &str) -> String {
    let Who { thread, block, .. } = now;
    format!("{what} thread {thread} of block {block} while it is {before} by another")
}

#[cfg(test)]
mod tests {
    use super::{Race, Who};

    /// Whether threads, given as block, epoch and thread, may read and write so.
    fn is_fine(all: &[(char, [u32; 3])]) -> bool {
        let mut race = Race::default();
        all.iter().all(|(what, [block, epoch, thread])| {
            let who = Who { block: *block, epoch: *epoch, thread: *thread };
            if *what == 'r' { race.read(who) } else { race.write(who) }.is_ok()
        })
    }

    #[test]
    fn threads_that_meet_are_found() {
        assert!(is_fine(&[('w', [0, 0, 1]), ('r', [0, 0, 1]), ('w', [0, 0, 1])]));
        assert!(is_fine(&[('w', [0, 0, 1]), ('r', [0, 1, 2]), ('r', [0, 1, 3]), ('w', [0, 2, 1])]));
        assert!(is_fine(&[('r', [0, 0, 1]), ('r', [1, 0, 1]), ('r', [2, 3, 1])]));
        assert!(!is_fine(&[('w', [0, 0, 1]), ('w', [0, 0, 2])]));
        assert!(!is_fine(&[('w', [0, 0, 1]), ('r', [0, 0, 2])]));
        assert!(!is_fine(&[('r', [0, 0, 1]), ('w', [0, 0, 2])]));
        assert!(!is_fine(&[('r', [0, 0, 1]), ('r', [0, 0, 2]), ('w', [0, 0, 2])]));
        assert!(!is_fine(&[('w', [0, 0, 1]), ('w', [1, 5, 1])]));
        assert!(!is_fine(&[
            ('r', [0, 0, 1]),
            ('r', [1, 0, 1]),
            ('r', [1, 1, 1]),
            ('w', [1, 2, 1])
        ]));
    }
}
