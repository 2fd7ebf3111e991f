//! The attributes of a logical signature: what files it is for.

use scan::FileType;
use scan::Target;
use scan::body_layout::TARGETS;

use super::FUNCTIONALITY_LEVEL;
use super::model::{Conditions, Refusal, malformed};

/// The level from which on attributes other than the target may stand.
const EXTENDED_LEVEL: u32 = 51;
/// Containers that one signature names.
const MAX_INTERMEDIATES: usize = 16;

/// Reads attributes: the target and the conditions.
pub(super) fn parse(text: &str) -> Result<(u8, Conditions), Refusal> {
    let mut conditions = Conditions::default();
    let mut target = None;
    let mut levels = None;
    let mut icon = false;
    let mut handler = false;
    let mut extended = false;
    for (index, attribute) in text.split(',').enumerate() {
        let Some((name, value)) = attribute.split_once(':') else {
            return malformed(format!("expected Name:Value, got {attribute:?}"));
        };
        extended |= !matches!(name, "Engine" | "Target");
        match name {
            "Engine" if index > 0 => return malformed("Engine must come first"),
            "Engine" => levels = Some(range(value)?),
            "Target" => target = Some(number(value)?),
            "FileSize" => conditions.file_size = Some(range(value)?),
            "EntryPoint" => conditions.entry_point = Some(range(value)?),
            "NumberOfSections" => conditions.sections = Some(range(value)?),
            "Container" => conditions.container = Some(file_type(value)?),
            "Intermediates" => {
                conditions.intermediates =
                    value.split('>').map(file_type).collect::<Result<_, _>>()?;
                if conditions.intermediates.len() > MAX_INTERMEDIATES {
                    return Err(Refusal::TooLarge("the number of intermediates"));
                }
            }
            "IconGroup1" | "IconGroup2" => icon = true,
            "HandlerType" => handler = true,
            _ => return Err(Refusal::UnknownAttribute(name.to_owned())),
        }
    }
    let (least, most) = levels.unwrap_or((0, u32::MAX));
    if extended && least < EXTENDED_LEVEL {
        return malformed("these attributes need Engine with a level of at least 51");
    }
    if !(least..=most).contains(&FUNCTIONALITY_LEVEL) {
        return Err(Refusal::OtherLevel { least, most });
    }
    let Some(target) = target else {
        return malformed("no target");
    };
    let Some(target) = u8::try_from(target)
        .ok()
        .filter(|target| usize::from(*target) < TARGETS)
    else {
        return Err(Refusal::UnknownTarget(target));
    };
    let layouts = [Target::Pe, Target::Elf, Target::MachO];
    let has_layout = layouts.iter().any(|have| have.number() == target);
    if !has_layout && (conditions.entry_point.is_some() || conditions.sections.is_some()) {
        return malformed("EntryPoint and NumberOfSections are for executables only");
    }
    if icon && target != Target::Pe.number() {
        return malformed("icons are for PE files only");
    }
    if icon {
        return Err(Refusal::Icon);
    }
    if handler {
        return Err(Refusal::HandlerType);
    }
    Ok((target, conditions))
}

fn number(text: &str) -> Result<u32, Refusal> {
    text.parse()
        .map_err(|_| Refusal::Malformed(format!("expected a number, got {text:?}")))
}

fn range(text: &str) -> Result<(u32, u32), Refusal> {
    let Some((least, most)) = text.split_once('-') else {
        return malformed(format!("expected a range such as 10-20, got {text:?}"));
    };
    Ok((number(least)?, number(most)?))
}

fn file_type(name: &str) -> Result<u8, Refusal> {
    FileType::from_name(name)
        .map(FileType::number)
        .ok_or_else(|| Refusal::UnknownFileType(name.to_owned()))
}
