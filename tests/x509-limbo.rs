//! `x509-limbo FILE.json`: netkit's verdict on each case of x509-limbo in the file, as a line of
//! id, SUCCESS or FAILURE, and reason, with tabs between.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;

use netkit_tests::limbo;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os()
        .nth(1)
        .ok_or("usage: x509-limbo FILE.json")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for case in limbo::load(Path::new(&file))? {
        match case.verdict() {
            Ok(()) => writeln!(out, "{}\tSUCCESS\t", case.id())?,
            Err(why) => writeln!(out, "{}\tFAILURE\t{why}", case.id())?,
        }
    }
    Ok(out.flush()?)
}
