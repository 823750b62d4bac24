//! How connections end: a client that has said all and still listens, and a port that nobody listens on.

use std::sync::Arc;
use std::time::Duration;

use netkit::sim::End;
use netkit::stack::tcp::{Flags, State};
use netkit::{ServerName, TlsStream, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stage::{self, NAME, Stage};
use super::tap::Tap;
use super::truth::hold;
use super::wire::{Passage, Story};
use crate::exit::Failure;
use crate::story::Recorder;

/// What the last request is for; the server takes its time to answer it.
pub(crate) const PATH: &str = "/last";
pub(crate) const THINKS: Duration = Duration::from_millis(100);

/// A port that nobody listens on.
const NOBODY: u16 = 444;

/// What both endings left behind.
#[derive(Debug)]
pub(crate) struct Endings {
    /// The client's port of the last request.
    last: u16,
    /// What the client was told where nobody listens.
    pub(crate) refused: String,
}

/// The last request: the client ends its direction before it reads the answer.
pub(crate) async fn course(stage: &Stage) -> Result<Endings, Failure> {
    let io = |error: std::io::Error| Failure::demo(format!("the last request: {error}"));
    let stream = stage.network.client.connect(stage.at).await.map_err(io)?;
    let local = stream.local_addr();
    let name = ServerName::try_from(NAME).map_err(|e| Failure::demo(format!("{NAME}: {e}")))?;
    let config = Arc::new(stage.client_config()?);
    let mut tls = TlsStream::connect(stream, config, name).await?;
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).await.map_err(io)?;
    tls.shutdown().await.map_err(io)?;
    let mut answer = String::new();
    tls.read_to_string(&mut answer).await.map_err(io)?;
    hold(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(&stage::body(PATH)),
        "the last request was answered after its client had said all",
    )?;
    drop(tls);
    Ok(Endings {
        last: local.map_or(0, |local| local.port()),
        refused: knock(stage).await?,
    })
}

/// What a client is told where nobody listens.
async fn knock(stage: &Stage) -> Result<String, Failure> {
    let client = stage.client(
        false,
        &Tap::over(&stage.network.client),
        &Arc::new(Recorder::new()),
    )?;
    match client.get(&format!("https://{NAME}:{NOBODY}/")).await {
        Err(error) => Ok(error.to_string()),
        Ok(_) => Err(Failure::demo("somebody listens where nobody should")),
    }
}

impl Endings {
    /// The segments of the close, from the client's FIN on.
    pub(crate) fn close(&self, passed: &[Passage]) -> Story {
        let mut story = Story::of(passed, self.last);
        let fin = story
            .segments
            .iter()
            .position(|segment| segment.from == End::A && segment.flags.has(Flags::FIN));
        story.segments.drain(..fin.unwrap_or(0));
        story
    }

    /// The segments to and from where nobody listens.
    pub(crate) fn reset(passed: &[Passage]) -> Option<Story> {
        let knock = passed.iter().find(|passage| passage.ports.1 == NOBODY)?;
        Some(Story::of(passed, knock.ports.0))
    }

    pub(crate) fn check(&self, passed: &[Passage]) -> Result<(), Failure> {
        use State::{CloseWait, Closed, FinWait1, FinWait2, LastAck, TimeWait};
        let close = self.close(passed);
        let seen = |from: End, flags: Flags, states: [State; 2]| {
            let states = states.map(Some);
            let is = |segment: &&Passage| {
                segment.from == from && segment.flags.has(flags) && segment.states == states
            };
            close.segments.iter().find(is)
        };
        hold(
            seen(End::A, Flags::FIN, [FinWait1, CloseWait]).is_some(),
            "the client's FIN was heard",
        )?;
        // A lost ACK is made up for by the answer, which leads to TIME-WAIT at once.
        let acknowledges = |segment: &Passage| {
            segment.from == End::B
                && close
                    .segments
                    .first()
                    .is_some_and(|fin| segment.ack == fin.end())
                && [Some(FinWait2), Some(TimeWait)].contains(&segment.states[0])
        };
        hold(
            close.segments.iter().any(acknowledges),
            "it was acknowledged",
        )?;
        let after = |segment: &Passage| segment.from == End::B && segment.length > 0;
        hold(
            close.segments.iter().any(after),
            "data came after the client's FIN",
        )?;
        hold(
            seen(End::B, Flags::FIN, [TimeWait, LastAck]).is_some(),
            "the server's FIN was heard",
        )?;
        hold(
            seen(End::A, Flags::ACK, [TimeWait, Closed]).is_some(),
            "it was acknowledged too",
        )?;
        let reset = Self::reset(passed).ok_or_else(|| Failure::demo("nobody knocked"))?;
        let is_reset = |segment: &Passage| {
            segment.is(Flags::RST | Flags::ACK) && segment.states == [Some(Closed); 2]
        };
        hold(
            reset.segments.iter().any(is_reset),
            "where nobody listens a RST answers",
        )
    }
}
