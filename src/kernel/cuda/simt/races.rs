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
    /// The last reader, and whether there was another one in its epoch, or of another block.
    reader: Option<(Who, bool)>,
}

impl Race {
    /// A thread reads.
    ///
    /// # Errors
    /// Another one has written, with no barrier since or in another block.
    pub(super) fn read(&mut self, who: Who) -> Result<(), String> {
        meet(self.writer, who, "is read by").map_err(|e| format!("{e} written by another"))?;
        let is_shared = self.reader.is_some_and(|(last, was_shared)| {
            let is_other_block = last.block != who.block;
            is_other_block || last.epoch == who.epoch && (was_shared || last.thread != who.thread)
        });
        self.reader = Some((who, is_shared));
        Ok(())
    }

    /// A thread writes.
    ///
    /// # Errors
    /// Another one has read or written, with no barrier since or in another block.
    pub(super) fn write(&mut self, who: Who) -> Result<(), String> {
        meet(self.writer, who, "is written by").map_err(|e| format!("{e} written by another"))?;
        if let Some((reader, is_shared)) = self.reader {
            let is_later = reader.block == who.block && reader.epoch != who.epoch;
            let reader = if is_shared && !is_later { None } else { Some(reader) };
            let found = reader.map_or(Err(said(who, "is written by")), |reader| {
                meet(Some(reader), who, "is written by")
            });
            found.map_err(|e| format!("{e} read by another"))?;
        }
        self.writer = Some(who);
        Ok(())
    }
}

fn meet(before: Option<Who>, now: Who, what: &str) -> Result<(), String> {
    let is_fine = before.is_none_or(|before| {
        before.block == now.block && (before.epoch != now.epoch || before.thread == now.thread)
    });
    if is_fine { Ok(()) } else { Err(said(now, what)) }
}

fn said(now: Who, what: &str) -> String {
    format!("{what} thread {} of block {} while it is", now.thread, now.block)
}
