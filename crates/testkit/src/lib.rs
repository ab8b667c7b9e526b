//! A test server that does to a client everything a server can do: answer, delay, compress, redirect, trickle, reset, lie.
//! What it does is chosen by the request's path (`routes` and `misbehave` hold the tables). It must never be imported by a
//! crate that ships, other than as a dev-dependency.
//!
//! ```no_run
//! let server = gregaria_testkit::Server::start().expect("a free port");
//! println!("{}/delay/10", server.url());
//! // ... requests ...
//! assert_eq!(server.counts()["requests"], 1);
//! ```

mod connection;
mod counts;
mod data;
mod encode;
pub mod lifetime;
mod misbehave;
mod request;
mod routes;
mod server;
mod shop;
mod tls;
mod two;
mod wire;

pub use server::{DemoShop, Server};
pub use tls::Certificates;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the test server could not listen")]
    Listen(#[source] std::io::Error),
    #[error("the test certificates could not be made")]
    Certificate(#[from] rcgen::Error),
    #[error("the test certificates could not be written")]
    Write(#[source] std::io::Error),
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}
