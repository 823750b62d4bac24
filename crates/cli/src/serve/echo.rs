//! `--ws-echo`: what a client says in a WebSocket comes back.

use netkit::http::{Request, Response};
use netkit::websocket::{Config, Upgrade};
use netkit::{Body, WebSocket};

pub(crate) fn to(request: &Request<()>) -> Response<Body> {
    match Upgrade::of(request) {
        Ok(upgrade) => upgrade.accept(Config::default(), |socket| async {
            if let Err(error) = echo(socket).await {
                crate::say(&format!("WebSocket ended: {error}"));
            }
        }),
        Err(refusal) => refusal,
    }
}

async fn echo(mut socket: WebSocket) -> Result<(), netkit::Error> {
    let mut message = Vec::new();
    while let Some(kind) = socket.recv_into(&mut message).await? {
        socket.send_piece(kind, &message, true).await?;
    }
    Ok(())
}
