//! The bundled demo shop as a program: prints where it listens and serves until `--for SECONDS` have passed, its standard
//! input ends, or it is signalled.

use std::io::Write;
use std::time::Duration;

use gregaria_testkit::{DemoShop, lifetime};

struct Arguments {
    port: u16,
    limit: Option<Duration>,
}

fn arguments() -> Option<Arguments> {
    let mut parsed = Arguments { port: 0, limit: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--port" => parsed.port = words.next()?.parse().ok()?,
            "--for" => parsed.limit = Duration::try_from_secs_f64(words.next()?.parse().ok()?).ok(),
            _ => return None,
        }
    }
    Some(parsed)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(Arguments { port, limit }) = arguments() else {
        eprintln!("usage: demo-api [--port PORT] [--for SECONDS]");
        std::process::exit(2);
    };
    let shop = DemoShop::start(port)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{}", shop.addr)?;
    out.flush()?;
    lifetime::until_stdin_ends_or(limit);
    Ok(())
}
