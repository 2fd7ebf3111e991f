//! Cookies: the session's, the sign-in form's, and the theme's.

use axum::http::{HeaderMap, HeaderValue, header};

/// The session's token. `__Host-` makes browsers demand Secure, Path=/ and no Domain.
pub(crate) const SESSION: &str = "__Host-garrison";
/// Binds the sign-in form to the browser that it was shown to.
pub(crate) const FORM: &str = "__Host-garrison-form";
/// Light or dark.
pub(crate) const THEME: &str = "garrison-theme";

/// The value of a cookie.
#[must_use]
pub(crate) fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, value)| *known == name && !value.is_empty() && value.len() <= 256)
        .map(|(_, value)| value.to_owned())
}

/// Sets a secret cookie for so many seconds; 0 takes it away.
pub(crate) fn set_secret(headers: &mut HeaderMap, name: &str, value: &str, seconds: u64) {
    set(
        headers,
        &format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict"),
    );
}

/// Sets the theme for a year.
pub(crate) fn set_theme(headers: &mut HeaderMap, theme: &str) {
    set(
        headers,
        &format!("{THEME}={theme}; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Strict"),
    );
}

fn set(headers: &mut HeaderMap, line: &str) {
    if let Ok(value) = HeaderValue::from_str(line) {
        headers.append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("x__Host-garrison=1; __Host-garrison=tok; a=b"),
        );
        assert_eq!(read(&headers, SESSION).as_deref(), Some("tok"));
        assert_eq!(read(&headers, FORM), None);
    }

    #[test]
    fn secret_cookies_are_for_this_host_and_no_script() {
        let mut headers = HeaderMap::new();
        set_secret(&mut headers, SESSION, "tok", 60);
        let line = headers[header::SET_COOKIE].to_str().unwrap();
        for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains("Domain"));
    }
}
