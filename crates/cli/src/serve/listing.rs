//! The page for a folder that has no index of its own.

use std::fmt::Write;
use std::io;
use std::path::Path;

use netkit::http::header::{ACCEPT, HeaderMap, HeaderValue};
use netkit::semantics::{HttpDate, MediaType, media_type_weight};

/// More entries than this are left out: a page is for people.
const MOST: usize = 10_000;

/// What is in a folder, hidden names left out, in order.
#[derive(Debug)]
pub(crate) struct Listing {
    entries: Vec<Entry>,
    /// There is more.
    cut: bool,
}

#[derive(Debug)]
struct Entry {
    /// A folder's has a slash at its end.
    name: String,
    /// Of a file.
    octets: Option<u64>,
    modified: Option<HttpDate>,
}

impl Listing {
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let mut entries = Vec::new();
        let mut cut = false;
        for entry in folder.read_dir()? {
            let entry = entry?;
            // Names that are not UTF-8 cannot be asked for.
            let Ok(mut name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            if entries.len() == MOST {
                cut = true;
                break;
            }
            // Of what a link points to: that is what is served.
            let about = entry.path().metadata().ok();
            if about.as_ref().is_some_and(std::fs::Metadata::is_dir) {
                name.push('/');
            }
            let file = about.as_ref().filter(|about| about.is_file());
            let modified = about.as_ref().and_then(|about| about.modified().ok());
            entries.push(Entry {
                name,
                octets: file.map(std::fs::Metadata::len),
                modified: modified.map(netkit::http_date),
            });
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { entries, cut })
    }

    /// A page with relative links. `path` is the folder's, as it was asked for.
    pub(crate) fn html(&self, path: &Path) -> String {
        let mut title = escaped(&format!("/{}", path.display()));
        if !title.ends_with('/') {
            title.push('/');
        }
        let mut page = format!(
            "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <style>td {{ padding-right: 2em }} td + td {{ text-align: right }}</style>\n\
             <h1>{title}</h1>\n<table>\n"
        );
        if title != "/" {
            page.push_str("<tr><td><a href=\"../\">../</a>\n");
        }
        for entry in &self.entries {
            let (link, text) = (encoded(&entry.name), escaped(&entry.name));
            let _ = write!(page, "<tr><td><a href=\"./{link}\">{text}</a><td>");
            if let Some(octets) = entry.octets {
                let _ = write!(page, "{octets}");
            }
            page.push_str("<td>");
            if let Some(modified) = entry.modified {
                let _ = write!(page, "{modified}");
            }
            page.push('\n');
        }
        page.push_str("</table>\n");
        if self.cut {
            let _ = writeln!(page, "<p>There are more than these {MOST}.");
        }
        page
    }

    /// The same for a program: an array of objects with `name`, `octets` and `modified`.
    pub(crate) fn json(&self) -> String {
        let mut text = String::from("[");
        for (number, entry) in self.entries.iter().enumerate() {
            text.push_str(if number == 0 { "\n" } else { ",\n" });
            let _ = write!(text, "{{\"name\":{}", quoted(&entry.name));
            if let Some(octets) = entry.octets {
                let _ = write!(text, ",\"octets\":{octets}");
            }
            if let Some(modified) = entry.modified {
                let _ = write!(text, ",\"modified\":\"{modified}\"");
            }
            text.push('}');
        }
        text.push_str("\n]\n");
        text
    }
}

/// Whether a request with these fields wants JSON more than a page (RFC 9110 12.5.1).
pub(crate) fn wants_json(asked: &HeaderMap) -> bool {
    let weight = |media_type: &[u8]| {
        let lines = asked.get_all(ACCEPT).into_iter().map(HeaderValue::as_bytes);
        MediaType::parse(media_type).map(|media_type| media_type_weight(lines, &media_type))
    };
    weight(b"application/json") > weight(b"text/html")
}

/// A string of JSON (RFC 8259 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Text inside an HTML element or a quoted attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// RFC 3986 2.1: everything but unreserved characters, and the slash that ends a folder's name.
pub(crate) fn encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for octet in name.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(octet));
            }
            octet => {
                let _ = write!(encoded, "%{octet:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> io::Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        for name in ["b.txt", "a <b>&\"'", ".hidden", "50% off?#", "line\nbreak"] {
            std::fs::write(folder.path().join(name), "12345")?;
        }
        std::fs::create_dir(folder.path().join("sub"))?;
        Ok(folder)
    }

    #[test]
    fn names_cannot_break_out_of_the_page() -> io::Result<()> {
        let folder = folder()?;
        let page = Listing::of(folder.path())?.html(Path::new("<x>/y"));
        let items: Vec<&str> = page.split("<tr><td>").skip(1).collect();
        let links = [
            "<a href=\"../\">../</a>",
            "<a href=\"./50%25%20off%3F%23\">50% off?#</a><td>5<td>",
            "<a href=\"./a%20%3Cb%3E%26%22%27\">a &lt;b&gt;&amp;&quot;&#39;</a><td>5<td>",
            "<a href=\"./b.txt\">b.txt</a><td>5<td>",
            "<a href=\"./line%0Abreak\">line\nbreak</a><td>5<td>",
            "<a href=\"./sub/\">sub/</a><td><td>",
        ];
        assert_eq!(items.len(), links.len(), "{page}");
        for (item, link) in items.iter().zip(links) {
            assert!(item.starts_with(link), "{item}");
            assert_eq!(item.contains(" GMT\n"), link.contains("<td>"), "{item}");
        }
        assert!(page.contains("<h1>/&lt;x&gt;/y/</h1>"));
        let root = Listing::of(folder.path())?.html(Path::new(""));
        assert!(root.contains("<title>/</title>") && !root.contains("../"));
        assert!(!root.contains("hidden") && !root.contains("more than"));
        Ok(())
    }

    #[test]
    fn the_same_in_json() -> io::Result<()> {
        let folder = folder()?;
        let json = Listing::of(folder.path())?.json();
        let lines: Vec<&str> = json.lines().collect();
        assert_eq!((lines[0], lines[6]), ("[", "]"));
        assert!(lines[2].starts_with("{\"name\":\"a <b>&\\\"'\",\"octets\":5,\"modified\":\""));
        assert!(lines[4].starts_with("{\"name\":\"line\\u000abreak\","));
        assert!(lines[5].starts_with("{\"name\":\"sub/\",\"modified\":\""));
        let none = tempfile::tempdir()?;
        assert_eq!(Listing::of(none.path())?.json(), "[\n]\n");
        Ok(())
    }

    #[test]
    fn who_wants_json() {
        let wants = |accept: &'static str| {
            let accept = HeaderValue::from_static(accept);
            wants_json(&HeaderMap::from_iter([(ACCEPT, accept)]))
        };
        assert!(wants("application/json"));
        assert!(wants("text/html;q=0.5, application/json"));
        for page in [
            "*/*",
            "text/html, application/xhtml+xml, */*;q=0.8",
            "application/json;q=0.1, text/*",
        ] {
            assert!(!wants(page), "{page}");
        }
        assert!(!wants_json(&HeaderMap::new()));
    }
}
