//! Files beside the model.

use crate::plugin::call::{Ended, host_call, invalid, slice, text};
use crate::plugin::run::Run;
use peftc_abi::*;

pub(super) unsafe extern "C" fn add_archive(
    ctx: *mut PeftcCtx,
    name: PeftcStr,
    arrays: *const PeftcStr,
    values: *const PeftcValue,
    count: usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let name = free_name(run, text(name)?)?;
            let names = slice(arrays, count)?.iter().map(|&name| text(name).map(str::to_owned));
            let names: Vec<String> = names.collect::<Result<_, _>>()?;
            let values = slice(values, count)?.iter().map(|&value| {
                let id = run.value_id(value)?;
                match run.constant(id) {
                    Some(_) => Ok(id),
                    None => Err(invalid(format!("value {:?} is no constant", run.name_of(id)))),
                }
            });
            let values = values.collect::<Result<Vec<_>, _>>()?;
            run.archives.push((name, names.into_iter().zip(values).collect()));
            Ok(())
        })
    }
}

/// A name that is part of a file's name, and that no archive of the run has.
fn free_name(run: &Run<'_>, name: &str) -> Result<String, Ended> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(invalid(format!("{name:?} names no archive: a-z, 0-9 and - are accepted")));
    }
    if run.archives.iter().any(|(known, _)| known == name) {
        return Err(invalid(format!("there is an archive {name:?} already")));
    }
    Ok(name.to_owned())
}
