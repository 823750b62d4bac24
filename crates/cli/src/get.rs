//! `netkit get`: fetch a URL and, if asked, tell each layer's story.

mod redirect;
mod request;
mod sink;
mod told;

use std::path::Path;
use std::sync::Arc;

use netkit::http::{Response, StatusCode, Version};
use netkit::{Body, Client};

use crate::args;
use crate::exit::Failure;
use crate::paint::Paint;
use crate::story::Recorder;
use redirect::Hop;
use sink::Sink;
use told::Told;

pub(crate) fn run(args: &args::Get) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::file("runtime", e))?;
    let ended = runtime.block_on(in_time(args));
    // A read of standard input that nobody waits for any more must not keep the program.
    runtime.shutdown_background();
    ended
}

async fn in_time(args: &args::Get) -> Result<(), Failure> {
    let Some(most) = args.max_time else {
        return fetch(args).await;
    };
    let late = |_| Failure::timeout(format!("not done after {} s", most.as_secs_f64()));
    tokio::time::timeout(most, fetch(args))
        .await
        .map_err(late)?
}

async fn fetch(args: &args::Get) -> Result<(), Failure> {
    let recorder = Arc::new(Recorder::new());
    let client = client(args, &recorder)?;
    let held = if args.resume { held(args)? } else { 0 };
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
            None => return take(args, response, held, &told, &recorder).await,
        }
    }
}

/// The last response of all.
async fn take(
    args: &args::Get,
    response: Response<Body>,
    held: u64,
    told: &Told,
    recorder: &Recorder,
) -> Result<(), Failure> {
    if args.head {
        head(&response)?;
    }
    let append = match held {
        0 => false,
        held => match rest(&response, held)? {
            Rest::Follows => true,
            Rest::Nothing => return Ok(()),
            Rest::All => false,
        },
    };
    let sink = Sink::open(args.output.as_deref(), append, response.body().length())?;
    let read = sink.take(response.into_body()).await;
    told.body(&read, &recorder.heard());
    read.ended
}

/// Octets of the file that the body is to go on.
fn held(args: &args::Get) -> Result<u64, Failure> {
    let path = args.output.as_deref().unwrap_or(Path::new("-"));
    match std::fs::metadata(path) {
        Ok(about) => Ok(about.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Failure::file(path.display(), error)),
    }
}

/// What a response says of a body whose first octets are there already.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    /// It begins where the file ends.
    Follows,
    /// There is none: the file is whole.
    Nothing,
    /// The server sends everything again.
    All,
}

/// RFC 9110 15.3.7, 15.5.17, 14.4.
fn rest(response: &Response<Body>, held: u64) -> Result<Rest, Failure> {
    let range = response.headers().get("content-range");
    let range = range
        .and_then(|range| range.to_str().ok())
        .unwrap_or("none");
    match response.status() {
        StatusCode::PARTIAL_CONTENT if range.starts_with(&format!("bytes {held}-")) => {
            Ok(Rest::Follows)
        }
        StatusCode::RANGE_NOT_SATISFIABLE if range == format!("bytes */{held}") => {
            Ok(Rest::Nothing)
        }
        StatusCode::OK => Ok(Rest::All),
        status => Err(Failure::http(format!(
            "asked for what follows octet {held}: {status}, range {range}; the file stays as it is"
        ))),
    }
}

fn client(args: &args::Get, recorder: &Arc<Recorder>) -> Result<Client, Failure> {
    let versions = args.tls.range()?;
    let mut builder = Client::builder()
        .keep_alive(false)
        .http1_0(args.http1_0)
        .configure_tls(move |config| config.versions = versions);
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
    Ok(builder.build()?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_on_only_where_it_ends() {
        let said = |status: u16, range: &str| {
            let response = Response::builder()
                .status(status)
                .header("content-range", range);
            rest(&response.body(Body::empty()).unwrap(), 10).ok()
        };
        assert_eq!(said(206, "bytes 10-19/20"), Some(Rest::Follows));
        assert_eq!(said(206, "bytes 1-19/20"), None);
        assert_eq!(said(206, "bytes 100-119/120"), None);
        assert_eq!(said(416, "bytes */10"), Some(Rest::Nothing));
        assert_eq!(said(416, "bytes */9"), None);
        assert_eq!(said(200, ""), Some(Rest::All));
        assert_eq!(said(404, ""), None);
    }
}
