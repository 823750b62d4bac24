//! An HTTPS server and a client in one program, with a certificate made on the spot; needs no network.

use netkit::{
    Body, Client, Server, TlsStream,
    http::{Request, Response},
    identity, roots, tls,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{error::Error, sync::Arc};
use tokio::{io::AsyncWriteExt, net::TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &authority)?;

    let identity = identity::pem(leaf.pem().as_bytes(), key.serialize_pem().as_bytes())?;
    let bound = Server::https(identity).bind(([127, 0, 0, 1], 0).into())?;
    let (at, shutdown) = (bound.local_addr(), bound.shutdown());
    let serving = tokio::spawn(bound.serve(async |request: Request<Body>| {
        // What arrives goes back as it arrives.
        Ok::<_, netkit::Error>(Response::new(request.into_body()))
    }));

    let trusted = Arc::new(roots::pem(authority.pem().as_bytes())?);
    let client = Client::builder().roots(Arc::clone(&trusted)).build()?;
    let url = format!("https://localhost:{}/", at.port());
    let response = client
        .request(Request::post(url).body("there and back")?)
        .await?;
    let body = response.into_body().collect(100).await?;
    println!("the server echoed {:?}", String::from_utf8_lossy(&body));
    assert_eq!(body, "there and back");

    // The same TLS without HTTP: a stream for whatever speaks over streams.
    let config = Arc::new(tls::ClientConfig::new(trusted));
    let stream = TcpStream::connect(at).await?;
    let mut stream = TlsStream::connect(stream, config, "localhost".try_into()?).await?;
    println!(
        "agreed on {} and {}",
        stream.agreed().version,
        stream.agreed().cipher_suite
    );
    stream.shutdown().await?;

    shutdown.begin();
    serving.await??;
    Ok(())
}
