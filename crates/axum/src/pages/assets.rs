//! `/assets/<name>`: what pages load. Compiled in; nothing comes from a disk or from another host.
//!
//! Pages ask with `?v=<version>`, and the version changes when any asset does, so such an answer may be kept for good. Without it, or with
//! an old one, the answer is kept too but asked about each time.

use std::sync::LazyLock;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::IntoResponse,
};
use symbolon_http::{Problem, headers};

use super::{Answer, visitor::parameter};
use crate::{Auth, router::etag};

struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
    /// Only the development page loads it.
    explore: bool,
    /// Pages of other origins load it, too.
    public: bool,
}

const ASSETS: [Asset; 4] = [
    Asset {
        name: "symbolon.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("../../assets/symbolon.css"),
        explore: false,
        public: false,
    },
    Asset {
        name: "symbolon.svg",
        media_type: "image/svg+xml",
        content: include_str!("../../assets/symbolon.svg"),
        explore: false,
        public: false,
    },
    Asset {
        name: "client.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/client.js"),
        explore: false,
        public: true,
    },
    Asset {
        name: "explore.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/explore.js"),
        explore: true,
        public: false,
    },
];

/// Of all assets together: one version for all is enough, since they change together in a release.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: String = ASSETS.iter().map(|asset| asset.content).collect();
    etag(all.as_bytes()).trim_matches('"').into()
});

/// What stands behind `?v=`.
pub(super) fn version() -> &'static str {
    &VERSION
}

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_FIRST: HeaderValue = HeaderValue::from_static("public, no-cache");

/// `GET /assets/<name>`. Ranges are ignored: none is long enough to be worth a part.
pub(super) async fn show(
    State(auth): State<Auth>,
    Path(name): Path<String>,
    uri: Uri,
    request: HeaderMap,
) -> Answer {
    let here = |asset: &&Asset| asset.name == name && (auth.0.options.explore || !asset.explore);
    let asset = ASSETS.iter().find(here).ok_or_else(Problem::not_found)?;
    let tag = etag(asset.content.as_bytes());
    let current = parameter(&uri, "v").is_some_and(|version| version == *VERSION);
    let mut answer = if knows(&request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type))];
        (media_type, asset.content).into_response()
    };
    let fields = answer.headers_mut();
    fields.insert(header::CACHE_CONTROL, if current { FOR_GOOD } else { ASK_FIRST });
    fields.insert(header::ETAG, HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")));
    if asset.public {
        fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        fields.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    }
    headers::page(fields, auth.https());
    Ok(answer)
}

/// Whether the client has it (RFC 9110 §13.1.2).
fn knows(request: &HeaderMap, tag: &str) -> bool {
    let known = |one: &str| one == "*" || one.trim_start_matches("W/") == tag;
    let mut lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.any(|line| line.split(',').map(str::trim).any(known))
}
