//! `netkit get`: fetch a URL and, if asked, tell each layer's story.

mod request;
mod sink;
mod told;

use std::sync::Arc;

use netkit::http::{Response, Version};
use netkit::{Body, Client};

use crate::args;
use crate::exit::Failure;
use crate::paint::Paint;
use crate::story::Recorder;
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

async fn fetch(args: &args::Get) -> Result<(), Failure> {
    let request = request::of(args).await?;
    let recorder = Arc::new(Recorder::new());
    let client = client(args, &recorder)?;
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
    if args.head {
        head(&response)?;
    }
    let sink = Sink::open(args.output.as_deref(), response.body().length())?;
    let read = sink.take(response.into_body()).await;
    told.body(&read, &recorder.heard());
    read.ended
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
