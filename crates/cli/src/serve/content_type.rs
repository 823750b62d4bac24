//! What a file's name says about its content.

use std::path::Path;

/// Extension, in lower case, and media type (IANA's registry). Sorted.
const TABLE: [(&str, &str); 35] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rs", "text/plain; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("toml", "application/toml"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/vnd.wave"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// The media type to send. `application/octet-stream` where nothing is known (RFC 9110 8.3).
pub(crate) fn of(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    let extension = extension.to_ascii_lowercase();
    match TABLE.binary_search_by_key(&extension.as_str(), |row| row.0) {
        Ok(row) => TABLE[row].1,
        Err(_) => "application/octet-stream",
    }
}

/// Whether content of this type shrinks: text, and what is made of text or numbers. Images, sound and archives
/// are compressed already.
pub(crate) fn shrinks(media_type: &str) -> bool {
    let more = [
        "application/json",
        "application/toml",
        "application/wasm",
        "application/x-tar",
        "application/xml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/svg+xml",
    ];
    media_type.starts_with("text/") || more.contains(&media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shrinks() {
        let of = |name| shrinks(of(Path::new(name)));
        for name in ["x.html", "x.js", "x.json", "x.svg", "x.md", "x.wasm"] {
            assert!(of(name), "{name}");
        }
        for name in ["x.png", "x.gz", "x.zip", "x.mp4", "x.woff2", "x"] {
            assert!(!of(name), "{name}");
        }
    }

    #[test]
    fn every_row_is_found() {
        assert!(TABLE.is_sorted_by_key(|row| row.0));
        for (extension, media_type) in TABLE {
            assert_eq!(of(Path::new(&format!("x.{extension}"))), media_type);
        }
        assert_eq!(of(Path::new("A.HTML")), "text/html; charset=utf-8");
        for unknown in ["x", "x.unknown", ".html", "x."] {
            assert_eq!(
                of(Path::new(unknown)),
                "application/octet-stream",
                "{unknown}"
            );
        }
    }
}
