//! The rules that every manifest keeps: who may import whom, and how much it may bring along. The
//! table is the one of docs/design.md.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

type Tested = Result<(), Box<dyn Error>>;

/// A crate of the house: its folder, what it may import of ours and of others, and how many crates
/// its default tree may have besides itself.
struct Floor {
    name: &'static str,
    folder: &'static str,
    ours: &'static [&'static str],
    others: &'static [&'static str],
    budget: usize,
}

/// The generators that every crate may offer.
const EVERYONE: [&str; 2] = ["arbitrary", "proptest"];

const FLOORS: [Floor; 9] = [
    Floor {
        name: "netkit-core",
        folder: "core",
        ours: &[],
        others: &[],
        budget: 0,
    },
    Floor {
        name: "netkit-http",
        folder: "http",
        ours: &["netkit-core"],
        others: &["memchr", "http", "flate2"],
        budget: 4,
    },
    Floor {
        name: "netkit-tcp",
        folder: "tcp",
        ours: &["netkit-core"],
        others: &[],
        budget: 1,
    },
    Floor {
        name: "netkit-x509",
        folder: "x509",
        ours: &["netkit-core"],
        others: &["x509-cert", "der", "ring", "rustls-pki-types", "p521"],
        budget: 24,
    },
    Floor {
        name: "netkit-stack",
        folder: "stack",
        ours: &["netkit-core", "netkit-tcp"],
        others: &["tokio", "tun-rs"],
        budget: 2,
    },
    Floor {
        name: "netkit-tls",
        folder: "tls",
        ours: &["netkit-core", "netkit-x509"],
        others: &[
            "ring",
            "subtle",
            "zeroize",
            "rand_core",
            "hex",
            "rustls-pki-types",
            "crypto-bigint",
            "ml-kem",
            "p521",
            "brotli",
            "flate2",
        ],
        budget: 30,
    },
    Floor {
        name: "netkit-ws",
        folder: "ws",
        ours: &["netkit-core", "netkit-http"],
        others: &["sha1", "base64", "rand_core", "flate2"],
        budget: 16,
    },
    Floor {
        name: "netkit",
        folder: "netkit",
        ours: &[
            "netkit-core",
            "netkit-http",
            "netkit-x509",
            "netkit-stack",
            "netkit-tls",
            "netkit-ws",
        ],
        others: &[
            "tokio",
            "http",
            "http-body",
            "bytes",
            "futures-core",
            "futures-sink",
            "rustls-pki-types",
            "rustls-native-certs",
            "webpki-roots",
            "rand_core",
            "getrandom",
            "url",
            "tower-service",
            "tracing",
        ],
        budget: 60,
    },
    Floor {
        name: "netkit-cli",
        folder: "cli",
        ours: &["netkit"],
        others: &[
            "clap",
            "crypto-bigint",
            "crypto-primes",
            "getrandom",
            "hex",
            "http",
            "indicatif",
            "rand_core",
            "rcgen",
            "rustls-pki-types",
            "tokio",
            "x509-cert",
        ],
        budget: 94,
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn metadata() -> Result<Metadata, Box<dyn Error>> {
    let manifest = root().join("Cargo.toml");
    let mut command = MetadataCommand::new();
    Ok(command
        .manifest_path(manifest)
        .other_options(["--offline".to_owned()])
        .exec()?)
}

fn ours<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a Package, Box<dyn Error>> {
    let package = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == name);
    package.ok_or_else(|| format!("no package {name}").into())
}

#[test]
fn every_crate_stands_on_a_floor() -> Tested {
    let metadata = metadata()?;
    let names: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let floors = FLOORS
        .iter()
        .map(|floor| floor.name)
        .chain(["netkit-tests"])
        .collect();
    assert_eq!(names, floors);
    Ok(())
}

#[test]
fn nobody_imports_from_above() -> Tested {
    let metadata = metadata()?;
    for floor in &FLOORS {
        for dependency in &ours(&metadata, floor.name)?.dependencies {
            let name = dependency.name.as_str();
            let allowed = match dependency.kind {
                DependencyKind::Development => continue,
                _ if name.starts_with("netkit") => floor.ours.contains(&name),
                _ => floor.others.contains(&name) || EVERYONE.contains(&name),
            };
            assert!(
                allowed,
                "{} may not import {name}: see docs/design.md",
                floor.name
            );
        }
    }
    Ok(())
}

#[test]
fn the_table_is_the_one_in_the_design() -> Tested {
    let design = std::fs::read_to_string(root().join("docs/design.md"))?;
    for floor in &FLOORS {
        let cell = format!("| `{}` ", floor.name);
        let row = design.lines().find(|line| line.contains(&cell));
        let row = row.ok_or_else(|| format!("docs/design.md has no row with {cell:?}"))?;
        for name in floor.others {
            assert!(
                row.contains(name),
                "docs/design.md: {} without {name}: {row}",
                floor.name
            );
        }
    }
    Ok(())
}

#[test]
fn trees_keep_to_their_budgets() -> Tested {
    for floor in &FLOORS {
        let tree = tree(floor.folder)?;
        assert!(
            tree.len() <= floor.budget,
            "{}: {} crates, {tree:?}",
            floor.name,
            tree.len()
        );
        println!("{}: {} of {}", floor.name, tree.len(), floor.budget);
    }
    Ok(())
}

/// The crates besides itself that a user of the default features builds, procedural macros
/// included.
fn tree(folder: &str) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let manifest = root().join("crates").join(folder).join("Cargo.toml");
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--manifest-path"])
        .arg(manifest)
        .output()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let words = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    });
    // The first line is the crate itself.
    Ok(words.skip(1).collect())
}

#[test]
fn ring_is_named_in_two_places() -> Tested {
    let allowed = [
        Path::new("crates/tls/src/crypto").to_owned(),
        Path::new("crates/x509/src/signature.rs").to_owned(),
    ];
    let root = root().canonicalize()?;
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files)?;
    assert!(files.len() > 50, "too few files to be true");
    for file in files {
        let relative = file.strip_prefix(&root)?;
        if allowed.iter().any(|place| relative.starts_with(place)) {
            continue;
        }
        let text = std::fs::read_to_string(&file)?;
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            assert!(!names_ring(line), "{}: {line}", relative.display());
        }
    }
    Ok(())
}

/// Whether the crate is named, and not something that ends in it.
fn names_ring(line: &str) -> bool {
    line.match_indices("ring::").any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// What a program has no use for: they are for whoever writes one.
const FOR_PROGRAMMERS: [&str; 2] = ["tower-service", "tracing"];

/// Whoever builds the program can switch on whatever the library has for it.
#[test]
fn the_program_forwards_every_feature() -> Tested {
    let metadata = metadata()?;
    let cli = ours(&metadata, "netkit-cli")?;
    let features = ours(&metadata, "netkit")?.features.keys();
    for feature in features.filter(|feature| !FOR_PROGRAMMERS.contains(&feature.as_str())) {
        let forwarded = cli.features.get(feature).is_some_and(|list| {
            list.contains(&format!("netkit/{feature}")) || feature == "default"
        });
        assert!(forwarded, "netkit-cli does not forward netkit's {feature}");
    }
    Ok(())
}
