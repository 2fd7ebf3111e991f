//! The site's flows as files for firewalls, proxies and readers.

use flows::{Expressed, Format, Host, How, Options, Selection};
use proto::api::network::{RenderedDestination, Rendering};
use proto::problem::ProblemKind;
use utoipa::IntoParams;

use super::filter::{self, FlowFilter};
use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;

/// How a file is wanted, beside the filters of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `true`, with a role: the whole ruleset of a host in that role, where nothing else passes.
    pub whole: Option<bool>,
    /// `true`: refuse (409) what the target can't say exactly.
    pub strict: Option<bool>,
    /// For a PAC file: where everything else goes, such as `proxy.example.com:8080`.
    pub proxy: Option<String>,
}

/// A finished file.
#[derive(Debug)]
pub struct RenderedFile {
    pub format: Format,
    pub name: String,
    pub bytes: Vec<u8>,
    pub report: Vec<RenderedDestination>,
}

/// Every file that can be had.
#[must_use]
pub fn list(_by: &Permit<Viewer>) -> Vec<Rendering> {
    Format::available()
        .map(|format| Rendering {
            format: format.to_string(),
            media_type: format.media_type().to_owned(),
            file_name: file_name(format, &FlowFilter::default(), &Wanted::default()),
            whole: format.has_roles(),
        })
        .collect()
}

/// The flows that are asked for as a file. What the list shows is what the file holds.
///
/// # Errors
/// When there is no such format, it can't hold what is asked for, or a value of the filter is none.
pub fn render(
    site: &Site,
    _by: &Permit<Viewer>,
    format: &str,
    filter: &FlowFilter,
    wanted: &Wanted,
) -> Result<RenderedFile, Refusal> {
    let format = Format::parse(format)
        .map_err(|error| Refusal::new(ProblemKind::NotFound, error.to_string()))?;
    let known = filter::flows_site(site, filter)?;
    let selection = filter::selection(&known, filter)?;
    let is_whole = wanted.whole == Some(true);
    let role = filter.role()?.filter(|_| is_whole);
    if is_whole && role.is_none() {
        return Err(Refusal::invalid(
            "whole: expected a role beside it, such as role=agent",
        ));
    }
    let proxy = wanted
        .proxy
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(flows::render::ProxyAddress::parse)
        .transpose()
        .map_err(|error| Refusal::invalid(format!("proxy: {error}")))?;
    let options = Options {
        strict: wanted.strict == Some(true),
        language: known.language.clone(),
        role,
        proxy,
        ..Options::default()
    };
    let rendered = flows::render(format, &selection, &options).map_err(refusal)?;
    Ok(RenderedFile {
        format,
        name: file_name(format, filter, wanted),
        bytes: rendered.bytes,
        report: report(&selection, rendered.report),
    })
}

fn refusal(error: flows::RenderError) -> Refusal {
    use flows::RenderError as Error;
    match &error {
        Error::NotExact { .. } => Refusal::conflict(error.to_string()),
        Error::NotBuiltIn(_) => Refusal::new(ProblemKind::NotFound, error.to_string()),
        Error::NoRoles(_) | Error::UnknownRole { .. } | Error::TooMany { .. } => {
            Refusal::invalid(error.to_string())
        }
        Error::Writer { .. } => Refusal::internal("rendering the flows")(error),
    }
}

fn file_name(format: Format, filter: &FlowFilter, wanted: &Wanted) -> String {
    let mut name = "garrison".to_owned();
    if let Ok(Some(role)) = filter.role() {
        name.push('-');
        name.push_str(role.as_str());
    }
    if wanted.whole == Some(true) {
        name.push_str("-host");
    }
    if filter.perimeter == Some(true) {
        name.push_str("-edge");
    }
    format!("{name}-{format}.{}", format.file_ending())
}

fn report(selection: &Selection<'_>, report: Vec<Expressed>) -> Vec<RenderedDestination> {
    let is_unset = |one: &Expressed| {
        let mut flows = selection.flows.iter();
        let selected = flows.find(|selected| selected.flow.id == one.flow)?;
        match &selected.endpoints.get(one.endpoint)?.host {
            Host::Unset(variable) => Some(variable.clone()),
            Host::Exact(_)
            | Host::OneLabel(_)
            | Host::AnyDepth(_)
            | Host::ApexAndSubdomains(_)
            | Host::Ip(_)
            | Host::Cidr(_)
            | Host::Unknown => None,
        }
    };
    report
        .into_iter()
        .map(|one| RenderedDestination {
            words: match (is_unset(&one), &one.how) {
                (Some(variable), How::NotAtAll(_)) => {
                    filter::in_words(&flows::Reason::Unset(variable))
                }
                (Some(_) | None, how) => how.words().to_owned(),
            },
            flow: one.flow.to_string(),
            destination: u64::try_from(one.endpoint).unwrap_or(u64::MAX),
            how: one.how.as_str().to_owned(),
            note: one.note,
        })
        .collect()
}
