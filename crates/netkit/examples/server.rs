//! Says hello on http://127.0.0.1:8080/, on every core.

use netkit::{
    Arrival, Body, Error, Server,
    http::{Request, Response},
};

async fn hello(request: Request<Body>) -> Result<Response<Body>, Error> {
    let arrival = request.extensions().get::<Arrival>();
    let number = arrival.map_or(0, |arrival| arrival.number);
    Ok(Response::new(Body::from(format!(
        "hello, request {number} of your connection\n"
    ))))
}

fn main() -> Result<(), Error> {
    let at = ([127, 0, 0, 1], 8080).into();
    Server::http().run(at, 0, |at| println!("listening on http://{at}/"), hello)
}
