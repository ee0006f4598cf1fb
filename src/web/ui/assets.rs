//! Style, script and icon: few, our own, in the binary.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

struct Asset {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 3] = [
    Asset {
        path: "/assets/app.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/app.css"),
    },
    Asset {
        path: "/assets/live.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/live.js"),
    },
    Asset {
        path: "/assets/icon.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("assets/icon.svg"),
    },
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    for asset in &ASSETS {
        config.route(asset.path, web::get().to(move |request| serve(request, asset)));
    }
}

/// A browser asks each time and is told "unchanged" while the bytes are the same.
async fn serve(request: HttpRequest, asset: &'static Asset) -> HttpResponse {
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(asset.bytes)));
    let known = request.headers().get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
    }
    HttpResponse::Ok()
        .content_type(asset.kind)
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(asset.bytes)
}
