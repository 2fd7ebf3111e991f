//! What every rendering of rules is judged by: a model of the target's matcher, which reads the
//! rendering, against what the catalogue covers; and texts that try to break out of their place.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::trial::{any_address, any_endpoint, any_endpoints, any_name, asking, blank, small};
use super::{Format, How, Options, render};
use crate::endpoint::Transport;
use crate::host::Host;
use crate::select::{ResolvedEndpoint, Selection, select};
use crate::site::Site;
use crate::text::Text;

/// A connection attempt.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// An address.
    pub(crate) dialer: String,
    /// A name or an address.
    pub(crate) host: String,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
}

impl Attempt {
    /// Whether an endpoint asks for it.
    pub(crate) fn is_asked_by(&self, endpoint: &ResolvedEndpoint) -> bool {
        (endpoint.from.is_empty() || endpoint.from.iter().any(|from| from.covers(&self.dialer)))
            && endpoint.host.covers(&self.host)
            && endpoint.transport == self.transport
            && (endpoint.ports.is_empty()
                || endpoint.ports.iter().any(|range| range.contains(self.port)))
    }

    /// Whether both ends are addresses, of families that never meet.
    fn is_impossible(&self) -> bool {
        let v6 = |text: &str| text.contains(':');
        self.host.parse::<std::net::IpAddr>().is_ok() && v6(&self.host) != v6(&self.dialer)
    }
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let transport = prop_oneof![
        4 => Just(Transport::Tcp),
        1 => Just(Transport::Udp),
        1 => Just(Transport::Esp),
    ];
    let host = prop_oneof![3 => any_name(), 2 => any_address()];
    (any_address(), host, transport, 1u16..18).prop_map(|(dialer, host, transport, port)| Attempt {
        dialer,
        host,
        transport,
        port,
    })
}

/// Whether a rendering permits an attempt, as its target would judge it.
pub(crate) type Model = fn(&str, &Attempt) -> bool;

fn rendered(format: Format, selection: &Selection<'_>, options: &Options) -> (String, Vec<How>) {
    let rendered = render(format, selection, options).unwrap();
    let hows = rendered.report.into_iter().map(|entry| entry.how).collect();
    (String::from_utf8(rendered.bytes).unwrap(), hows)
}

fn run<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    // A failure prints the smallest input that still fails.
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(&strategy, test).unwrap();
}

/// Each endpoint by itself: what the report says of it is true.
pub(crate) fn reports_are_true(format: Format, model: Model) {
    let attempts = proptest::collection::vec(any_attempt(), 24);
    run(128, (any_endpoint(), attempts), |(endpoint, attempts)| {
        let catalogue = blank(1);
        let selection = asking(&catalogue, std::slice::from_ref(&endpoint));
        let (text, hows) = rendered(format, &selection, &Options::default());
        for attempt in attempts.iter().filter(|attempt| !attempt.is_impossible()) {
            let asked = attempt.is_asked_by(&endpoint);
            let got = model(&text, attempt);
            let holds = match hows.first().unwrap() {
                How::Exact => got == asked,
                How::Widened(_) => got || !asked,
                How::Narrowed(_) => !got || asked,
                How::NotAtAll(_) | How::NotNeeded(_) => !got,
            };
            prop_assert!(
                holds,
                "{:?}: {attempt:?} asked {asked}, got {got}\n{text}",
                hows
            );
        }
        Ok(())
    });
}

/// Several endpoints together: what one of them has exactly or widened passes, and nothing
/// passes that none of them asks for or widens.
pub(crate) fn endpoints_together_keep_what_each_has(format: Format, model: Model) {
    let attempts = proptest::collection::vec(any_attempt(), 24);
    run(128, (any_endpoints(), attempts), |(endpoints, attempts)| {
        let catalogue = blank(endpoints.len());
        let (text, hows) = rendered(format, &asking(&catalogue, &endpoints), &Options::default());
        for attempt in attempts.iter().filter(|attempt| !attempt.is_impossible()) {
            let mut asked = endpoints
                .iter()
                .zip(&hows)
                .filter(|(endpoint, _)| attempt.is_asked_by(endpoint))
                .map(|(_, how)| how);
            let some_widened = hows.iter().any(|how| matches!(how, How::Widened(_)));
            let got = model(&text, attempt);
            if got {
                prop_assert!(
                    some_widened || asked.next().is_some(),
                    "{attempt:?} passes unasked\n{text}"
                );
            } else {
                let lost = asked.any(|how| matches!(how, How::Exact | How::Widened(_)));
                prop_assert!(!lost, "{attempt:?} is lost\n{text}");
            }
        }
        Ok(())
    });
}

/// A catalogue in which every text is this one.
fn filled_with(text: &str) -> crate::catalogue::Catalogue {
    let mut catalogue = small();
    catalogue.vendor = text.to_owned();
    catalogue.product = text.to_owned();
    catalogue.version = text.to_owned();
    for source in &mut catalogue.sources {
        source.title = text.to_owned();
        source.sha256 = text.to_owned();
    }
    for flow in &mut catalogue.flows {
        flow.purpose = Text::english(text);
        if let Some(retired) = &mut flow.retired {
            retired.reason = Text::english(text);
        }
        for endpoint in &mut flow.endpoints {
            if endpoint.protocol.is_some() {
                endpoint.path = Some(text.to_owned());
            }
        }
    }
    catalogue
}

fn any_hostile_text() -> impl Strategy<Value = String> {
    let nasty = prop_oneof![
        Just("\"; drop table\n".to_owned()),
        Just("'\r\nset policy any\r\n".to_owned()),
        Just("’; Remove-Item C:\\ -Recurse #‘“”".to_owned()),
        Just("$(reboot) `reboot` ${file(\"/etc/shadow\")} %{ if true }".to_owned()),
        Just("*/ #> end\nnext\nend\n--> ?".to_owned()),
        Just("\u{2028}accept\u{85}accept\u{b}accept\u{c}accept\0".to_owned()),
        Just("ends with \\".to_owned()),
        Just("\u{202e}tpecca\u{feff}".to_owned()),
        Just("<<EOT\nEOT\n".to_owned()),
        Just("COMMIT\n*nat\n".to_owned()),
        Just("x".repeat(5000)),
    ];
    let mixed = proptest::collection::vec(prop_oneof![nasty, "\\PC{0,12}", "\\p{Any}{0,6}"], 1..4);
    mixed.prop_map(|parts| parts.concat())
}

/// No text of a catalogue changes what a rendering says: `bare` leaves nothing of a rendering
/// but what its target obeys, as the target reads it.
pub(crate) fn texts_stay_in_their_place(format: Format, bare: fn(&str) -> Vec<String>) {
    let site = |text: &str| {
        let mut site = Site::default();
        site.set("manager=192.0.2.10").unwrap();
        site.language = text.to_owned();
        site
    };
    let say = |catalogue: &crate::catalogue::Catalogue, role: Option<&str>| {
        let options = Options {
            role: role.map(|role| crate::party::PartyId::parse(role).unwrap()),
            ..Options::default()
        };
        let selection = select(catalogue, &site("en")).unwrap();
        render(format, &selection, &options)
            .ok()
            .map(|rendered| bare(&String::from_utf8(rendered.bytes).unwrap()))
    };
    let plain = filled_with("plain");
    run(48, any_hostile_text(), |text| {
        let hostile = filled_with(&text);
        for role in [None, Some("manager")] {
            prop_assert_eq!(say(&hostile, role), say(&plain, role));
        }
        Ok(())
    });
}

/// Whether a name is one or more labels below another.
pub(crate) fn below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// Whether an address is in one of the networks written in these words.
pub(crate) fn in_networks<'w>(words: impl IntoIterator<Item = &'w str>, address: &str) -> bool {
    words
        .into_iter()
        .any(|word| Host::parse(word).is_ok_and(|host| host.covers(address)))
}
