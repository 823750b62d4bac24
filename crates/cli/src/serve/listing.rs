//! The page for a folder that has no index of its own.

use std::fmt::Write;
use std::io;
use std::path::Path;

/// More entries than this are left out: a page is for people.
const MOST: usize = 10_000;

/// The folder's names in order, hidden ones left out. `path` is the one that was asked for, decoded.
pub(crate) fn page(folder: &Path, path: &str) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in folder.read_dir()?.take(MOST) {
        let entry = entry?;
        // Names that are not UTF-8 cannot be asked for.
        let Ok(mut name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort_unstable();
    let title = escaped(path);
    let mut page = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
    );
    if path != "/" {
        page.push_str("<li><a href=\"../\">../</a>\n");
    }
    for name in &names {
        let (link, text) = (encoded(name), escaped(name));
        let _ = writeln!(page, "<li><a href=\"./{link}\">{text}</a>");
    }
    page.push_str("</ul>\n");
    Ok(page)
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

    #[test]
    fn names_cannot_break_out_of_the_page() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        for name in ["b.txt", "a <b>&\"'", ".hidden", "50% off?#"] {
            std::fs::write(folder.path().join(name), "")?;
        }
        std::fs::create_dir(folder.path().join("sub"))?;
        let page = page(folder.path(), "/<x>/")?;
        let items: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("<li>"))
            .collect();
        assert_eq!(
            items,
            [
                "<li><a href=\"../\">../</a>",
                "<li><a href=\"./50%25%20off%3F%23\">50% off?#</a>",
                "<li><a href=\"./a%20%3Cb%3E%26%22%27\">a &lt;b&gt;&amp;&quot;&#39;</a>",
                "<li><a href=\"./b.txt\">b.txt</a>",
                "<li><a href=\"./sub/\">sub/</a>",
            ]
        );
        assert!(page.contains("<h1>/&lt;x&gt;/</h1>"));
        Ok(())
    }
}
