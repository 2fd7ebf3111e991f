//! Offsets: where a pattern may begin.

use scan::Target;
use scan::body_layout::offset;

use super::model::{Place, Refusal, malformed};

/// Reads an offset for a target, as ClamAV does: those that count from an entry point or a section
/// are for executables only.
pub(super) fn parse(text: &str, target: u8) -> Result<Place, Refusal> {
    if text == "*" {
        return Ok(Place::ANY);
    }
    let bad = || Refusal::Malformed(format!("expected an offset such as EP+0, got {text:?}"));
    let number = |text: &str| -> Result<u32, Refusal> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        text.parse().map_err(|_| bad())
    };
    let (base, shift) = match text.split_once(',') {
        Some((base, shift)) => (base, number(shift)?),
        None => (text, 0),
    };
    let place = |kind, value| Place {
        kind,
        value,
        shift,
        section: 0,
    };
    let section = |text: &str| number(text)?.try_into().map_err(|_| bad());
    let place = if let Some(value) = base.strip_prefix("EP+") {
        place(offset::ENTRY_PLUS, number(value)?)
    } else if let Some(value) = base.strip_prefix("EP-") {
        place(offset::ENTRY_MINUS, number(value)?)
    } else if let Some(value) = base.strip_prefix("SL+") {
        place(offset::LAST_SECTION, number(value)?)
    } else if let Some(own) = base.strip_prefix("SE") {
        Place {
            section: section(own)?,
            ..place(offset::WHOLE_SECTION, 0)
        }
    } else if let Some(rest) = base.strip_prefix('S') {
        let (own, value) = rest.split_once('+').ok_or_else(bad)?;
        Place {
            section: section(own)?,
            ..place(offset::SECTION, number(value)?)
        }
    } else if let Some(value) = base.strip_prefix("EOF-") {
        return Ok(place(offset::END_MINUS, number(value)?));
    } else if base.starts_with("VI") {
        place(offset::VERSION_INFO, 0)
    } else if base.contains('$') {
        return Err(Refusal::Macro);
    } else {
        return Ok(place(offset::ABSOLUTE, number(base)?));
    };
    let layouts = [Target::Pe, Target::Elf, Target::MachO];
    if layouts.iter().all(|have| have.number() != target) {
        return malformed(format!("offset {text:?} is for executables only"));
    }
    Ok(place)
}
