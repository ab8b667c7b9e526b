//! The test server as a program: prints where it listens, one line each, `ready` last, and serves until its standard input
//! closes or it is signalled. Must not do anything the library cannot.

use std::io::Write;

use gregaria_testkit::{Error, Server, lifetime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => 0,
        [option, port] if option == "--port" => port.parse()?,
        _ => {
            eprintln!("usage: testkit-server [--port PORT]\nserves until its standard input closes");
            std::process::exit(2);
        }
    };
    let server = Server::start_on(port)?;
    announce(&server).map_err(Error::Write)?;
    lifetime::until_stdin_ends();
    Ok(())
}

fn announce(server: &Server) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {}", server.url())?;
    writeln!(out, "listening on {}", server.tls_url())?;
    writeln!(out, "self-signed on https://{}", server.self_signed_addr)?;
    writeln!(out, "expired on https://{}", server.expired_addr)?;
    writeln!(out, "wrong-host on https://{}", server.wrong_host_addr)?;
    writeln!(out, "asking on https://{}", server.asking_addr)?;
    writeln!(out, "http2 on http://{}", server.two_addr)?;
    writeln!(out, "http2 on https://{}", server.two_tls_addr)?;
    writeln!(out, "authority in {}", server.certificates().authority().display())?;
    writeln!(out, "self-signed in {}", server.certificates().self_signed().display())?;
    writeln!(out, "ready")?;
    out.flush()
}
