//! Pages without a frame: sign-in and failures.

use askama::Template;

use crate::console::frame::Theme;
use crate::console::meaning::Meaning;
use crate::console::words::Words;

/// The sign-in page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    pub words: &'static Words,
    pub theme: Theme,
    pub site: String,
    pub csrf: String,
    /// Where to go afterwards; a path of this console.
    pub to: String,
    /// The name that was tried.
    pub name: String,
    /// What to say above the form: a meaning and a key.
    pub notice: Option<(Meaning, &'static str)>,
}

/// What went wrong, why, what to do, and an identifier for support.
#[derive(Template)]
#[template(path = "failure.html")]
pub struct Failure {
    pub words: &'static Words,
    pub theme: Theme,
    /// Key.
    pub title: &'static str,
    /// One sentence, from where it failed.
    pub detail: String,
    /// Key.
    pub advice: &'static str,
    pub instance: Option<String>,
    /// Where the person came from, when known.
    pub back: Option<String>,
}

impl SignIn {
    fn heading(&self) -> String {
        self.words.with("sign_in.heading", &[("site", &self.site)])
    }
}

fn asset(name: &str) -> String {
    crate::console::assets::address(name)
}
