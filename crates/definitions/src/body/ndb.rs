//! `.ndb` lines: `Name:Target:Offset:Pattern[:MinLevel:[MaxLevel]]`.

use super::hex;
use super::model::{Conditions, Logic, Pattern, Refusal, Signature, Subsignature, malformed};
use super::{FUNCTIONALITY_LEVEL, place};
use scan::body_layout::TARGETS;

/// Bytes of the shortest pattern without wildcards that ClamAV takes.
const LEAST_BYTES: usize = 3;

/// Reads a line; `None` for a comment or an empty one.
///
/// # Errors
/// Why it can't be used.
pub fn read_ndb(line: &str) -> Result<Option<Signature>, Refusal> {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split(':').collect();
    let (name, target, offset, pattern, levels) = match fields.as_slice() {
        [name, target, offset, pattern, levels @ ..] if levels.len() <= 2 => {
            (*name, *target, *offset, *pattern, levels)
        }
        _ => return malformed(format!("expected 4 to 6 fields, got {}", fields.len())),
    };
    let name = super::name(name)?;
    let mut bounds = [0, u32::MAX];
    for (bound, level) in bounds.iter_mut().zip(levels) {
        *bound = level
            .parse()
            .map_err(|_| Refusal::Malformed(format!("expected a level, got {level:?}")))?;
    }
    let [least, most] = bounds;
    if !(least..=most).contains(&FUNCTIONALITY_LEVEL) {
        return Err(Refusal::OtherLevel { least, most });
    }
    let target: u32 = match target {
        "*" => 0,
        number => number
            .parse()
            .map_err(|_| Refusal::Malformed(format!("expected a target, got {number:?}")))?,
    };
    let Some(target) = u8::try_from(target)
        .ok()
        .filter(|target| usize::from(*target) < TARGETS)
    else {
        return Err(Refusal::UnknownTarget(target));
    };
    let place = place::parse(offset, target)?;
    let parts = hex::parts(pattern, hex::Options::default())?;
    if pattern.len() < LEAST_BYTES * 2 && target < 2 {
        return malformed("expected a pattern of at least three bytes");
    }
    Ok(Some(Signature {
        name,
        target,
        conditions: Conditions::default(),
        logic: Logic::Leaf { id: 0, count: None },
        subsignatures: vec![Subsignature::Patterns(vec![Pattern { place, parts }])],
    }))
}
