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

#[cfg(test)]
mod tests {
    use super::*;

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
