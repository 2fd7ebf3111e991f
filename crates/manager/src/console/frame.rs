//! What stands around every page: who is signed in, where they are, what was just done.

use std::borrow::Borrow;
use std::fmt::Display;

use model::{Role, Timestamp};

use super::address::encode;
use super::html::{Html, escape};
use super::meaning::{Badge, Meaning};
use super::words::{Words, grouped};
use super::{assets, moment};

/// The rooms of the navigation, in the order of work. Only those that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Overview,
    Detections,
    Devices,
    Policies,
    Content,
    Network,
    Settings,
    /// Outside all rooms.
    Elsewhere,
}

/// A link of the navigation.
#[derive(Debug, Clone, Copy)]
pub struct NavLink {
    pub room: Room,
    pub address: &'static str,
    pub icon: &'static str,
    /// Key of its word.
    pub word: &'static str,
}

const NAVIGATION: &[NavLink] = &[
    link(Room::Overview, "/", "overview", "nav.overview"),
    link(
        Room::Detections,
        "/detections?triage=open",
        "detections",
        "nav.detections",
    ),
    link(Room::Devices, "/devices", "devices", "nav.devices"),
    link(Room::Policies, "/policies", "policies", "nav.policies"),
    link(Room::Content, "/definitions", "content", "nav.content"),
    link(Room::Network, "/network", "network", "nav.network"),
    link(Room::Settings, "/audit", "settings", "nav.settings"),
];

const fn link(
    room: Room,
    address: &'static str,
    icon: &'static str,
    word: &'static str,
) -> NavLink {
    NavLink {
        room,
        address,
        icon,
        word,
    }
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// Every choice, with its icon.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::System, "theme"),
        (Self::Light, "sun"),
        (Self::Dark, "moon"),
    ];

    /// The name in the cookie and in the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Key of its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "theme.system",
            Self::Light => "theme.light",
            Self::Dark => "theme.dark",
        }
    }

    /// Reads the name; the system's where it is anything else.
    #[must_use]
    pub fn read(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    pub role: Role,
}

/// What was just done, said once at the top of the page.
#[derive(Debug, Clone)]
pub struct Said {
    pub meaning: Meaning,
    pub text: String,
}

/// Everything around a page's content.
#[derive(Debug, Clone)]
pub struct Frame {
    pub words: &'static Words,
    /// The site's name.
    pub site: String,
    pub version: &'static str,
    pub person: Person,
    /// The token that every form of this session carries.
    pub csrf: String,
    pub theme: Theme,
    pub room: Room,
    /// Path and query of this page, to come back to.
    pub here: String,
    pub now: Timestamp,
    pub said: Option<Said>,
    /// Detections that nobody looked at yet.
    pub open_detections: u64,
}

impl Frame {
    /// A message.
    #[must_use]
    pub fn t<'a>(&'a self, key: &'a str) -> &'a str {
        self.words.t(key)
    }

    /// A message with a number.
    #[must_use]
    pub fn count(&self, key: &str, n: impl Borrow<u64>) -> String {
        self.words.count(key, *n.borrow())
    }

    /// A message with values in it.
    #[must_use]
    pub fn with(&self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        self.words.with(key, values)
    }

    /// A message with one value in it.
    #[must_use]
    pub fn with1(&self, key: &str, name: &str, value: impl Display) -> String {
        self.words.with(key, &[(name, &value)])
    }

    /// How many rows of a list a page shows.
    #[must_use]
    pub fn shown(&self, shown: impl Borrow<usize>, total: impl Borrow<u64>) -> String {
        self.words.with(
            "list.shown",
            &[
                ("shown", &grouped(*shown.borrow() as u64)),
                ("total", &grouped(*total.borrow())),
            ],
        )
    }

    /// A number, grouped.
    #[must_use]
    pub fn number(&self, n: impl Borrow<u64>) -> String {
        grouped(*n.borrow())
    }

    /// Bytes in binary units.
    #[must_use]
    pub fn bytes(&self, n: impl Borrow<u64>) -> String {
        moment::bytes(*n.borrow())
    }

    /// The address of an asset.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// An icon that stands beside its word.
    #[must_use]
    pub fn icon(&self, name: &str) -> Html {
        Html(icon(name, ""))
    }

    /// An icon in a meaning's colour, beside its word.
    #[must_use]
    pub fn ink(&self, meaning: impl Borrow<Meaning>) -> Html {
        let meaning = meaning.borrow();
        Html(icon(meaning.name(), &format!(" ink {}", meaning.name())))
    }

    /// A meaning with its icon and its word.
    #[must_use]
    pub fn badge(&self, badge: impl Borrow<Badge>) -> Html {
        let (meaning, word) = *badge.borrow();
        Html(format!(
            "<span class=\"badge {name}\">{icon}{word}</span>",
            name = meaning.name(),
            icon = icon(meaning.name(), ""),
            word = escape(self.t(word)),
        ))
    }

    /// A time: relative, with the absolute one on hover.
    #[must_use]
    pub fn when(&self, time: impl Borrow<Timestamp>) -> Html {
        let time = *time.borrow();
        Html(format!(
            "<time datetime=\"{time}\" title=\"{absolute}\">{relative}</time>",
            absolute = moment::absolute(time),
            relative = escape(&moment::relative(self.words, time, self.now)),
        ))
    }

    /// A time that may never have been.
    #[must_use]
    pub fn when_ever(&self, time: impl Borrow<Option<Timestamp>>) -> Html {
        match *time.borrow() {
            Some(time) => self.when(time),
            None => Html(format!(
                "<span class=\"quiet\">{}</span>",
                escape(self.t("moment.never"))
            )),
        }
    }

    /// The field that every form carries.
    #[must_use]
    pub fn csrf_field(&self) -> Html {
        Html(format!(
            "<input type=\"hidden\" name=\"csrf\" value=\"{}\">",
            escape(&self.csrf)
        ))
    }

    /// The field that brings a form's answer back to this page.
    #[must_use]
    pub fn back_field(&self) -> Html {
        Html(format!(
            "<input type=\"hidden\" name=\"back\" value=\"{}\">",
            escape(&self.here)
        ))
    }

    /// Percent-encoded, for a place in an address.
    #[must_use]
    pub fn encoded(&self, text: impl Display) -> String {
        encode(&text.to_string())
    }

    /// Whether the person may scan, triage, quarantine and restore.
    #[must_use]
    pub fn operates(&self) -> bool {
        self.person.role >= Role::Operator
    }

    /// Whether the person may change policies, tokens and users, and revoke devices.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.person.role >= Role::Administrator
    }

    /// Key of the word for the person's role.
    #[must_use]
    pub fn role_word(&self) -> &'static str {
        role_word(self.person.role)
    }

    /// The navigation's links.
    #[must_use]
    pub fn navigation(&self) -> &'static [NavLink] {
        NAVIGATION
    }

    /// The link of the room that this page is in.
    #[must_use]
    pub fn room_word(&self) -> &'static str {
        NAVIGATION
            .iter()
            .find(|link| link.room == self.room)
            .map_or("nav.menu", |link| link.word)
    }
}

/// Key of the word for a role.
#[must_use]
pub const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "role.viewer",
        Role::Operator => "role.operator",
        Role::Administrator => "role.administrator",
    }
}

fn icon(name: &str, class: &str) -> String {
    format!(
        "<svg class=\"icon{class}\" aria-hidden=\"true\"><use href=\"{sprite}#{name}\"></use></svg>",
        sprite = assets::address("icons.svg"),
    )
}
