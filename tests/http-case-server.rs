//! The server that HTTP cases are put to: `http-case-server --listen ADDR`.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;

use netkit::Server;
use netkit_tests::cases;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [option, at] = arguments.as_slice() else {
        return Err("usage: http-case-server --listen ADDR".into());
    };
    if option != "--listen" {
        return Err(format!("unknown option {option}").into());
    }
    let ready = |at: SocketAddr| {
        let _ = writeln!(std::io::stdout(), "listening on {at}");
    };
    Ok(Server::http().run(at.parse()?, 1, ready, cases::answer)?)
}
