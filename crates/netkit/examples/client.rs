//! Fetches a URL, `https://example.com/` if none is named, and tells what came of it.

use netkit::{Client, Exchange};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), netkit::Error> {
    let url = std::env::args().nth(1);
    let client = Client::new()?;
    let response = client
        .get(url.as_deref().unwrap_or("https://example.com/"))
        .await?;
    println!("{:?} {}", response.version(), response.status());
    if let Some(exchange) = response.extensions().get::<Exchange>() {
        println!("TLS: {:?}", exchange.connection.tls);
    }
    println!(
        "{} octets",
        response.into_body().collect(10 << 20).await?.len()
    );
    Ok(())
}
