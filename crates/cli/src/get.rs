//! `netkit get`: fetch a URL and, if asked, tell each layer's story.

mod redirect;
mod request;
mod resume;
mod sink;
mod told;

use std::path::Path;
use std::sync::Arc;

use netkit::http::{Response, Version};
use netkit::{Body, Client, ClientBuilder, CodingLimits};

use tokio::time::Instant;

use crate::args;
use crate::exit::Failure;
use crate::paint::Paint;
use crate::passed;
use crate::story::Recorder;
use redirect::Hop;
use resume::{Held, Rest};
use sink::Sink;
use told::Told;

pub(crate) fn run(args: &args::Get) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::file("runtime", e))?;
    let ended = runtime.block_on(fetch(args));
    // A read of standard input that nobody waits for any more must not keep the program.
    runtime.shutdown_background();
    ended
}

#[cfg(all(feature = "tun", target_os = "linux"))]
async fn fetch(args: &args::Get) -> Result<(), Failure> {
    let recorder = Arc::new(Recorder::new());
    let builder = client(args, &recorder)?;
    let Some(host) = crate::tun::Host::open(&args.stack)? else {
        return fetch_by(args, builder.build()?, &recorder).await;
    };
    let client = builder.transport(host.net.clone()).build()?;
    let ended = fetch_by(args, client, &recorder).await;
    host.finish().await.and(ended)
}

#[cfg(not(all(feature = "tun", target_os = "linux")))]
async fn fetch(args: &args::Get) -> Result<(), Failure> {
    let recorder = Arc::new(Recorder::new());
    let client = client(args, &recorder)?.build()?;
    fetch_by(args, client, &recorder).await
}

async fn fetch_by(
    args: &args::Get,
    client: Client,
    recorder: &Arc<Recorder>,
) -> Result<(), Failure> {
    let end = args.max_time.map(|most| Instant::now() + most);
    let held = match file(args).filter(|_| args.resume) {
        Some(file) => Held::of(file)?,
        None => None,
    };
    let answered = tokio::select! {
        answered = ask(args, &client, held.as_ref(), recorder) => answered?,
        late = late(args, end) => return Err(late),
    };
    let stop = async {
        tokio::select! {
            // Who breaks a download off may want to go on with it.
            _ = tokio::signal::ctrl_c(), if file(args).is_some() => {
                Failure::interrupted("--resume goes on with the download")
            }
            late = late(args, end) => late,
        }
    };
    take(args, answered, held, recorder, stop).await
}

/// `--max-time`; it never comes without.
async fn late(args: &args::Get, end: Option<Instant>) -> Failure {
    match (args.max_time, end) {
        (Some(most), Some(end)) => {
            tokio::time::sleep_until(end).await;
            Failure::timeout(format!("not done after {} s", most.as_secs_f64()))
        }
        _ => std::future::pending().await,
    }
}

/// The last response of those that the URL leads to.
async fn ask(
    args: &args::Get,
    client: &Client,
    held: Option<&Held>,
    recorder: &Arc<Recorder>,
) -> Result<(Response<Body>, Told), Failure> {
    let mut hop = Hop::first(request::uri(&args.url)?);
    loop {
        let request = request::of(args, &hop, held).await?;
        let method = request.method().clone();
        let told = Told::new(args.verbose, Paint::on(&std::io::stderr()), &request);
        let response = match client.request(request).await {
            Ok(response) => response,
            Err(error) => {
                told.failure(&error, &recorder.heard());
                return Err(error.into());
            }
        };
        told.connection(&response, &recorder.heard());
        told.response(&response);
        let next = args.location.then(|| hop.next(&response, &method));
        match next.transpose()?.flatten() {
            Some(next) => hop = next,
            None => return Ok((response, told)),
        }
    }
}

/// The body of the last response, or what it means for what is there.
async fn take(
    args: &args::Get,
    (response, told): (Response<Body>, Told),
    held: Option<Held>,
    recorder: &Recorder,
    stop: impl Future<Output = Failure>,
) -> Result<(), Failure> {
    if args.head {
        head(&response)?;
    }
    let append = match held.map(|held| held.rest(&response)).transpose()? {
        Some(Rest::Follows) => true,
        Some(Rest::Nothing) => return Ok(()),
        Some(Rest::All) | None => false,
    };
    if args.compressed {
        decoded(&response)?;
    }
    let validator = resume::validator(&response).filter(|_| !args.compressed);
    let sink = Sink::open(args.output.as_deref(), append, response.body().length())?;
    let read = sink.take(response.into_body(), stop).await;
    // With the date a file can be resumed. One that is whole keeps the time of its writing.
    if let (Some(file), Some(date)) = (file(args), validator)
        && (args.resume || read.ended.is_err())
    {
        resume::keep_date(file, date).map_err(|e| Failure::file(file.display(), e))?;
    }
    told.body(&read, &recorder.heard());
    read.ended
}

/// The file that the body goes to.
fn file(args: &args::Get) -> Option<&Path> {
    let file = args.output.as_deref();
    file.filter(|file| *file != Path::new("-"))
}

/// RFC 9110 8.4: a body with another coding than those that were asked for would only look like what it is
/// not.
fn decoded(response: &Response<Body>) -> Result<(), Failure> {
    match response.headers().get("content-encoding") {
        Some(coding) if response.body().length() != Some(0) => Err(Failure::http(format!(
            "the content coding {coding:?} is not one that was asked for"
        ))),
        _ => Ok(()),
    }
}

fn client(args: &args::Get, recorder: &Arc<Recorder>) -> Result<ClientBuilder, Failure> {
    let versions = args.tls.range()?;
    let mut builder = Client::builder()
        .keep_alive(false)
        .http1_0(args.http1_0)
        .configure_tls(move |config| config.versions = versions);
    if args.compressed {
        builder = builder.decode(CodingLimits::default());
    }
    if !args.lenient.is_empty() {
        let leniencies = args.lenient.iter().copied().collect();
        builder = builder.lenient(leniencies, |(host, port), used, at| {
            crate::tell(&format!("netkit: {host}:{port} {}", passed(used, at)));
        });
    }
    if let Some(file) = &args.cacert {
        builder = builder.roots(netkit::roots::pem_file(file)?);
    }
    if args.insecure {
        builder = builder.danger_accept_any_certificate();
    }
    if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
        let identity = Arc::new(netkit::identity::pem_files(cert, key)?);
        builder = builder.configure_tls(|config| config.identities.push(identity));
    }
    let rsa_key_transport = args.rsa_key_transport;
    builder =
        builder.configure_tls(move |config| config.tls12.rsa_key_transport = rsa_key_transport);
    if let Some(authority) = &args.connect_to {
        builder = builder.connect_to(authority);
    }
    if args.verbose {
        let recorder = Arc::clone(recorder);
        builder = builder.configure_tls(|config| config.watch = Some(recorder));
    }
    Ok(builder)
}

/// `-I`: the head is what was asked for.
fn head(response: &Response<Body>) -> Result<(), Failure> {
    let mut text = status_line(response).into_bytes();
    text.push(b'\n');
    for (name, value) in response.headers() {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
    std::io::Write::write_all(&mut std::io::stdout().lock(), &text)
        .map_err(|e| Failure::file("standard output", e))
}

fn status_line(response: &Response<Body>) -> String {
    let version = if response.version() == Version::HTTP_10 {
        "HTTP/1.0"
    } else {
        "HTTP/1.1"
    };
    format!("{version} {}", response.status())
}
