//! The security headers of every answer, as constants and two functions that put them on.
//!
//! Nothing here overrides what a handler set itself: a public document may be cacheable, a page may widen its policy.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// For JSON: nothing may be loaded, framed or run, should a browser ever show it.
pub const API_CSP: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// For pages: one's own style sheet, script and images from files; nothing inline, nothing foreign, no frame around it.
pub const PAGE_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// `Strict-Transport-Security`: two years. Only under an `https` issuer: browsers ignore it over http, and it would be a lie.
pub const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// `Permissions-Policy`: none of the powerful features is used, by us or by what might be injected.
pub const PERMISSIONS_POLICY: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
);

/// `Clear-Site-Data` of a logout where `logout.clear_site_data` is set. It clears the whole origin's data, the known-browser
/// cookie included.
pub const CLEAR_SITE_DATA: HeaderValue = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");

/// `Cache-Control` of everything about a login.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `Cache-Control` of answers to requests with a token in their URL (RFC 6750 §2.3, §5.3).
pub const PRIVATE_NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");

/// The name of [`CLEAR_SITE_DATA`].
pub const CLEAR_SITE_DATA_NAME: HeaderName = HeaderName::from_static("clear-site-data");

const COMMON: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
];

/// Puts the headers of a JSON answer on. `https`: whether the issuer is.
pub fn api(headers: &mut HeaderMap, https: bool) {
    apply(headers, &API_CSP, https);
}

/// Puts the headers of an HTML page on. `https`: whether the issuer is.
///
/// `Referrer-Policy` is `same-origin`, not `no-referrer`: under the latter browsers send `Origin: null` with a form, and those too old
/// for `Sec-Fetch-Site` could not log in.
pub fn page(headers: &mut HeaderMap, https: bool) {
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    apply(headers, &PAGE_CSP, https);
}

fn apply(headers: &mut HeaderMap, csp: &HeaderValue, https: bool) {
    // All of them at once, rather than growing twice on the way.
    headers.reserve(COMMON.len() + 3);
    let hsts = https.then_some((header::STRICT_TRANSPORT_SECURITY, HSTS));
    for (name, value) in COMMON.into_iter().chain(hsts) {
        headers.entry(name).or_insert(value);
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| csp.clone());
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(put: fn(&mut HeaderMap, bool), https: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        put(&mut headers, https);
        headers
    }

    #[test]
    fn wp_03_wp_05_pages_run_nothing_inline_and_are_never_framed() {
        let headers = made(page, true);
        let csp = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(!csp.contains("unsafe") && !csp.contains('*') && !csp.contains("data:"));
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"]
        {
            assert!(csp.split("; ").any(|directive| directive == part), "{part}");
        }
        let api = made(api, true);
        assert_eq!(
            api[header::CONTENT_SECURITY_POLICY],
            "default-src 'none'; frame-ancestors 'none'; sandbox"
        );
    }

    #[test]
    fn wp_06_every_answer_has_the_common_headers_and_hsts_only_under_https() {
        for put in [api as fn(&mut HeaderMap, bool), page] {
            let headers = made(put, false);
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(["no-referrer", "same-origin"].contains(&headers["referrer-policy"].to_str().unwrap()));
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
            assert_eq!(headers["cache-control"], "no-store");
            assert!(headers.contains_key("permissions-policy"));
            assert!(!headers.contains_key("strict-transport-security"));
            assert_eq!(made(put, true)["strict-transport-security"], "max-age=63072000; includeSubDomains");
        }
    }

    #[test]
    fn what_a_handler_set_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=900"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        api(&mut headers, true);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=900");
        assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
    }
}
