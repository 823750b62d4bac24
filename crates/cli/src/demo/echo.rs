//! A WebSocket on the stage: what the client says comes back.

use std::sync::{Arc, Mutex, PoisonError};

use netkit::http::{Request, Response, Uri};
use netkit::websocket::{Config, Message, Upgrade};
use netkit::ws::{CloseCode, FrameHead, OpCode, Watch};
use netkit::{Body, WebSocket};

use super::stage::{NAME, Served, Stage};
use super::tap::Tap;
use super::truth::hold;
use crate::exit::Failure;
use crate::story::Recorder;

/// Where the WebSocket is.
pub(crate) const PATH: &str = "/echo";

/// What the client says.
pub(crate) const SAID: &str = "Both sides may speak now.";

/// Every frame that a side sent or received, in order.
#[derive(Debug, Default)]
pub(crate) struct Frames(Mutex<Vec<(bool, FrameHead)>>);

impl Frames {
    pub(crate) fn seen(&self) -> Vec<(bool, FrameHead)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Watch for Frames {
    fn frame(&self, sent: bool, head: &FrameHead) {
        let mut frames = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frames.push((sent, *head));
    }
}

fn watched(frames: &Arc<Frames>) -> Config {
    Config {
        watch: Some(Arc::clone(frames) as Arc<dyn Watch>),
        ..Config::default()
    }
}

/// The server's side.
pub(crate) fn answer(request: &Request<Body>, frames: &Arc<Frames>) -> Response<Body> {
    match Upgrade::of(request) {
        Ok(upgrade) => upgrade.accept(watched(frames), |socket| async {
            // A client that got no echo ends the demo.
            let _ = repeat(socket).await;
        }),
        Err(refusal) => refusal,
    }
}

async fn repeat(mut socket: WebSocket) -> Result<(), netkit::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// The client's side: a message, its echo, and the close. The frames are what the client saw.
pub(crate) async fn course(stage: &Stage) -> Result<Vec<(bool, FrameHead)>, Failure> {
    let (tap, frames) = (Tap::over(&stage.network.client), Arc::<Frames>::default());
    let client = stage.client(false, &tap, &Arc::new(Recorder::new()))?;
    let url = format!("wss://{NAME}{PATH}");
    let url: Uri = url
        .parse()
        .map_err(|e| Failure::demo(format!("{url}: {e}")))?;
    let mut request = Request::new(());
    *request.uri_mut() = url;
    let mut socket = client.websocket_with(request, &watched(&frames)).await?;
    socket.send(SAID).await?;
    let echo = socket.recv().await?;
    hold(echo == Some(Message::from(SAID)), "the message came back")?;
    let (mut sender, mut receiver) = socket.split();
    sender.close(CloseCode::NORMAL_CLOSURE, "").await?;
    let more = receiver.recv().await?;
    hold(more.is_none(), "nothing came back but the echo")?;
    let code = receiver.close_reason().and_then(|closed| closed.code);
    hold(
        code == Some(CloseCode::NORMAL_CLOSURE),
        "the close was answered with its code",
    )?;
    hold(tap.passed().len() == 1, "the transport dialled once")?;
    Ok(frames.seen())
}

/// Both sides saw the same frames, and the client's alone were masked (RFC 6455 5.1).
pub(crate) fn check(
    stage: &Stage,
    client: &[(bool, FrameHead)],
    served: &Served,
) -> Result<(), Failure> {
    hold(
        served.line == format!("GET {PATH} HTTP/1.1") && served.number == 1,
        "the request for a WebSocket arrived on its own connection",
    )?;
    let server = stage.frames.seen();
    let mirrored = server.iter().map(|&(sent, head)| (!sent, head));
    hold(
        mirrored.eq(client.iter().copied()),
        "both sides saw the same frames",
    )?;
    let said = client.iter().map(|(sent, head)| (*sent, head.opcode));
    let expected = [OpCode::TEXT, OpCode::CLOSE]
        .into_iter()
        .flat_map(|opcode| [(true, opcode), (false, opcode)]);
    hold(
        said.eq(expected),
        "a message and a close frame went each way",
    )?;
    let masked = |(sent, head): &(bool, FrameHead)| *sent == head.masking_key.is_some();
    hold(client.iter().all(masked), "the client masks, alone")
}
