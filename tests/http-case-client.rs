//! The client that HTTP cases are put to: reads `METHOD URL` lines from standard input and prints
//! `ok STATUS LENGTH BASE64(BODY)` or `err TEXT` for each.

use std::error::Error;
use std::io::{BufRead, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use netkit::http::Request;
use netkit::{Body, Bytes, Client};

/// Longer bodies are an error: the cases have none.
const LIMIT: usize = 1 << 26;

fn main() -> Result<(), Box<dyn Error>> {
    netkit_tests::ours::block_on(answer_lines())
}

async fn answer_lines() -> Result<(), Box<dyn Error>> {
    let client = Client::new()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let said = match asked(&client, &line).await {
            Ok((status, body)) => {
                format!(
                    "ok {status} {} {}",
                    body.len(),
                    BASE64_STANDARD.encode(&body)
                )
            }
            Err(error) => format!("err {}", error.to_string().replace('\n', " ")),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{said}").and_then(|()| out.flush())?;
    }
    Ok(())
}

async fn asked(client: &Client, line: &str) -> Result<(u16, Bytes), Box<dyn Error>> {
    let (method, url) = line.split_once(' ').ok_or("wants METHOD URL")?;
    let request = Request::builder()
        .method(method)
        .uri(url)
        .body(Body::empty())?;
    let response = client.request(request).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect(LIMIT).await?))
}
