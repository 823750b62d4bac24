//! Which file a request target names, if any: the only place that turns a stranger's text into a
//! path. [`relative`] is pure; [`Folder::find`] then asks the file system and follows symbolic links
//! only while they stay inside the folder.

use std::io;
use std::path::{Path, PathBuf};

/// Why a target names no file here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not a path this server reads: broken percent-encoding, a NUL, a separator or a drive inside
    /// a segment, a dot segment, octets that are not UTF-8. Status 400.
    Malformed,
    /// Nothing to serve: missing, hidden, not a regular file, or outside the folder. Status 404, one
    /// answer for all of them, so that it tells nothing about what lies outside.
    Missing,
    /// The operating system would not let us read it. Status 403.
    Forbidden,
}

/// What a target names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This regular file.
    File(PathBuf),
    /// This folder, which has no index to stand for it.
    Listing(PathBuf),
    /// A folder, asked for without its final slash: relative links in it would point beside it.
    FolderWithoutSlash,
}

/// The folder that is served.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Absolute, without symbolic links.
    root: PathBuf,
}

const INDEX: &str = "index.html";

impl Folder {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let root = folder.canonicalize()?;
        if !root.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { root })
    }

    /// The file that the path of an origin-form target names. `path` has no query.
    pub(crate) fn find(&self, path: &str) -> Result<Found, Refusal> {
        let wanted = self.inside(&self.root.join(relative(path)?))?;
        let about = wanted.metadata().map_err(|e| refusal(&e))?;
        match (about.is_dir(), path.ends_with('/')) {
            (true, true) => match self.regular(&wanted.join(INDEX)) {
                Ok(index) => Ok(Found::File(index)),
                Err(Refusal::Missing) => Ok(Found::Listing(wanted)),
                Err(refusal) => Err(refusal),
            },
            (true, false) => Ok(Found::FolderWithoutSlash),
            (false, false) => self.regular(&wanted).map(Found::File),
            (false, true) => Err(Refusal::Missing),
        }
    }

    /// The same file by its real path, which must lie in the folder.
    fn inside(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let real = path.canonicalize().map_err(|e| refusal(&e))?;
        if real.starts_with(&self.root) {
            Ok(real)
        } else {
            Err(Refusal::Missing)
        }
    }

    /// Opening a FIFO would wait for its writer: only regular files are served.
    fn regular(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let real = self.inside(path)?;
        match real.metadata() {
            Ok(about) if about.is_file() => Ok(real),
            Ok(_) => Err(Refusal::Missing),
            Err(e) => Err(refusal(&e)),
        }
    }
}

fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Refusal::Forbidden,
        _ => Refusal::Missing,
    }
}

/// The relative path that an absolute URL path names (RFC 3986 3.3). Segments are told apart
/// before they are decoded, so an encoded slash never makes one. Empty segments are skipped.
/// Dot segments are refused: a client removes them (RFC 3986 5.2.4) before it asks. Names that
/// begin with a dot are hidden, except `.well-known` (RFC 8615).
pub(crate) fn relative(path: &str) -> Result<PathBuf, Refusal> {
    let segments = path.strip_prefix('/').ok_or(Refusal::Malformed)?.split('/');
    let mut relative = PathBuf::new();
    for segment in segments.filter(|segment| !segment.is_empty()) {
        let name = percent_decoded(segment)?;
        if name.contains(['\0', '/', '\\']) || !is_one_name(&name) {
            return Err(Refusal::Malformed);
        }
        if name.starts_with('.') && name != ".well-known" {
            return Err(Refusal::Missing);
        }
        relative.push(name);
    }
    Ok(relative)
}

/// Neither a dot segment nor, on a system that has them, a drive or a prefix.
fn is_one_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(parts.next(), Some(std::path::Component::Normal(_))) && parts.next().is_none()
}

/// RFC 3986 2.1, once: what is decoded is never decoded again.
fn percent_decoded(segment: &str) -> Result<String, Refusal> {
    let mut octets = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'%' => {
                let mut digit = || octets.next().and_then(|d| char::from(d).to_digit(16));
                let (high, low) = digit().zip(digit()).ok_or(Refusal::Malformed)?;
                (high * 16 + low) as u8
            }
            plain => plain,
        });
    }
    String::from_utf8(decoded).map_err(|_| Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_the_paths_they_name() {
        use Refusal::{Malformed, Missing};
        let table: &[(&str, Result<&str, Refusal>)] = &[
            ("/", Ok("")),
            ("/a.txt", Ok("a.txt")),
            ("/a/b/c", Ok("a/b/c")),
            ("/a/", Ok("a")),
            ("//a", Ok("a")),
            ("//etc/passwd", Ok("etc/passwd")),
            ("/a%20b", Ok("a b")),
            ("/%C3%A9", Ok("é")),
            ("/%2561", Ok("%61")),
            ("/...", Err(Missing)),
            ("/.git/config", Err(Missing)),
            ("/a/.env", Err(Missing)),
            ("/%2Eenv", Err(Missing)),
            ("/.well-known/acme", Ok(".well-known/acme")),
            ("", Err(Malformed)),
            ("*", Err(Malformed)),
            ("a", Err(Malformed)),
            ("/..", Err(Malformed)),
            ("/.", Err(Malformed)),
            ("/../etc/passwd", Err(Malformed)),
            ("/a/../b", Err(Malformed)),
            ("/a/../../b", Err(Malformed)),
            ("/%2e%2e/etc/passwd", Err(Malformed)),
            ("/.%2e/etc/passwd", Err(Malformed)),
            ("/%2e%2e%2fetc%2fpasswd", Err(Malformed)),
            ("/a%2fb", Err(Malformed)),
            ("/..%5c..%5cboot.ini", Err(Malformed)),
            ("/..\\boot.ini", Err(Malformed)),
            ("/%252e%252e/x", Ok("%2e%2e/x")),
            ("/a%00.txt", Err(Malformed)),
            ("/%", Err(Malformed)),
            ("/%2", Err(Malformed)),
            ("/%zz", Err(Malformed)),
            ("/%+1", Err(Malformed)),
            ("/%ff", Err(Malformed)),
            ("/%c0%ae%c0%ae/etc/passwd", Err(Malformed)),
        ];
        for (target, named) in table {
            assert_eq!(relative(target), named.map(PathBuf::from), "{target}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_inside_the_folder_only() -> io::Result<()> {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir()?;
        let root = place.path().join("served");
        std::fs::create_dir_all(root.join("docs"))?;
        std::fs::create_dir(place.path().join("served-beside"))?;
        std::fs::write(place.path().join("secret"), "secret")?;
        std::fs::write(place.path().join("served-beside/secret"), "secret")?;
        std::fs::write(root.join("a.txt"), "a")?;
        std::fs::write(root.join("docs/index.html"), "index")?;
        symlink("../secret", root.join("out"))?;
        symlink("..", root.join("up"))?;
        symlink("../served-beside", root.join("beside"))?;
        symlink("a.txt", root.join("in"))?;
        symlink("nowhere", root.join("broken"))?;
        symlink("loop", root.join("loop"))?;
        let folder = Folder::open(&root)?;
        let file = |name: &str| Ok(Found::File(folder.root.join(name)));
        assert_eq!(folder.find("/a.txt"), file("a.txt"));
        assert_eq!(folder.find("/in"), file("a.txt"));
        assert_eq!(folder.find("/docs/"), file("docs/index.html"));
        assert_eq!(folder.find("/docs"), Ok(Found::FolderWithoutSlash));
        assert_eq!(folder.find("/"), Ok(Found::Listing(folder.root.clone())));
        for missing in [
            "/out",
            "/up/secret",
            "/up/",
            "/beside/secret",
            "/broken",
            "/loop",
            "/a.txt/",
            "/no",
        ] {
            assert_eq!(folder.find(missing), Err(Refusal::Missing), "{missing}");
        }
        Ok(())
    }

    #[test]
    fn a_served_folder_must_be_one() {
        assert!(Folder::open(Path::new("/nonexistent")).is_err());
        assert!(
            Folder::open(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("Cargo.toml")
                    .as_path()
            )
            .is_err()
        );
    }
}
