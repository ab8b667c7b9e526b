//! The bundled demo API: a small shop with realistic, random latencies, for people's first load test.
//! It keeps its few orders in memory and is no example of a good shop; nothing in the tests depends on it.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::request::Request;
use crate::routes::sleep_until;
use crate::server::Site;
use crate::wire::{After, Reply, Wire};

const PRODUCTS: u64 = 200;
const PAGE: u64 = 20;
/// Part of the searches that fail, so that a first load test has something to find.
const SEARCH_FAILURES: f64 = 0.02;

const NAMES: [&str; 8] = ["lamp", "chair", "mug", "clock", "basket", "blanket", "shelf", "mirror"];
const COLOURS: [&str; 6] = ["blue", "green", "amber", "grey", "white", "red"];

#[derive(Default)]
pub(crate) struct Shop {
    carts: Mutex<HashMap<String, u64>>,
    orders: AtomicU64,
    chance: Chance,
}

impl Site for Shop {
    fn answer(&self, request: &Request, wire: &mut Wire) -> io::Result<After> {
        let (median_ms, reply) = self.route(request);
        sleep_until(request.received + self.chance.latency(median_ms));
        wire.send(reply)
    }
}

impl Shop {
    /// The answer, and its usual time in milliseconds.
    fn route(&self, request: &Request) -> (f64, Reply) {
        let path = request.path().trim_end_matches('/');
        match (request.method.as_str(), path) {
            ("GET" | "HEAD", "") => (5.0, home()),
            ("POST", "/login") => (18.0, login(request)),
            ("GET", "/products") => (9.0, products(request.number("page", 1))),
            ("GET", "/search") => (14.0, self.search(request)),
            ("POST", "/cart") => (8.0, self.add_to_cart(request)),
            ("POST", "/orders") => (22.0, self.order(request)),
            ("GET", _) if path.starts_with("/products/") => (7.0, product_page(request.argument(0, 0))),
            ("GET", _) if path.starts_with("/orders/") => (7.0, self.order_state(request)),
            _ => (3.0, failure(404, "there is nothing here")),
        }
    }

    fn search(&self, request: &Request) -> Reply {
        if self.chance.next() < SEARCH_FAILURES {
            return failure(503, "the search is overloaded");
        }
        let wanted = request.option("q").unwrap_or_default().to_lowercase();
        let found = (1..=PRODUCTS)
            .map(product)
            .filter(|product| product["name"].as_str().is_some_and(|name| name.contains(&wanted)));
        Reply::json(&json!({ "q": wanted, "results": found.take(10).collect::<Vec<_>>() }))
    }

    fn add_to_cart(&self, request: &Request) -> Reply {
        let Some(token) = bearer(request) else {
            return failure(401, "log in first");
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let Some(id) = body["product_id"].as_u64().filter(|id| (1..=PRODUCTS).contains(id)) else {
            return failure(422, "product_id must be that of a product");
        };
        let mut carts = self.carts.lock().expect("no holder of this lock panics");
        let items = carts.entry(token.to_owned()).or_default();
        *items += body["quantity"].as_u64().unwrap_or(1);
        Reply::json(&json!({ "added": id, "items": *items })).status(201)
    }

    fn order(&self, request: &Request) -> Reply {
        let Some(token) = bearer(request) else {
            return failure(401, "log in first");
        };
        let items = self.carts.lock().expect("no holder of this lock panics").remove(token);
        match items {
            None => failure(409, "the cart is empty"),
            Some(items) => {
                let id = self.orders.fetch_add(1, Ordering::Relaxed) + 1;
                Reply::json(&json!({ "id": id, "items": items, "state": "placed" })).status(201)
            }
        }
    }

    fn order_state(&self, request: &Request) -> Reply {
        let id: u64 = request.argument(0, 0);
        match bearer(request) {
            None => failure(401, "log in first"),
            Some(_) if (1..=self.orders.load(Ordering::Relaxed)).contains(&id) => {
                Reply::json(&json!({ "id": id, "state": "paid" }))
            }
            Some(_) => failure(404, "no such order"),
        }
    }
}

fn home() -> Reply {
    Reply::new(200, "text/html; charset=utf-8", "<!doctype html><title>Demo shop</title><h1>Demo shop</h1>\n")
}

fn login(request: &Request) -> Reply {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match (body["email"].as_str(), body["password"].as_str()) {
        (Some(email), Some(_)) => {
            let token = format!("t{:016x}", mixed(NEXT.fetch_add(1, Ordering::Relaxed)));
            let reply = Reply::json(&json!({ "token": token, "email": email }));
            reply.header("Set-Cookie", format!("session={token}; Path=/; HttpOnly"))
        }
        _ => failure(400, "email and password are needed"),
    }
}

fn products(page: u64) -> Reply {
    let first = page.saturating_sub(1) * PAGE + 1;
    let items: Vec<_> = (first..first + PAGE).take_while(|id| *id <= PRODUCTS).map(product).collect();
    Reply::json(&json!({ "page": page, "pages": PRODUCTS / PAGE, "items": items }))
}

fn product_page(id: u64) -> Reply {
    match (1..=PRODUCTS).contains(&id) {
        true => Reply::json(&product(id)),
        false => failure(404, "no such product"),
    }
}

fn product(id: u64) -> Value {
    let (name, colour) = (NAMES[(id % 8) as usize], COLOURS[(id % 6) as usize]);
    json!({ "id": id, "name": format!("{colour} {name}"), "price": 5 + mixed(id) % 95 })
}

fn failure(status: u16, why: &str) -> Reply {
    Reply::json(&json!({ "error": why })).status(status)
}

fn bearer(request: &Request) -> Option<&str> {
    request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .filter(|token| token.starts_with('t'))
}

/// Random numbers without a generator's lock: a counter, mixed (splitmix64).
#[derive(Default)]
struct Chance {
    counter: AtomicU64,
}

fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

impl Chance {
    /// From 0 up to, but not including, 1.
    fn next(&self) -> f64 {
        (mixed(self.counter.fetch_add(1, Ordering::Relaxed) + 1) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Log-normal around its median, as service times tend to be.
    fn latency(&self, median_ms: f64) -> Duration {
        let normal = (-2.0 * (1.0 - self.next()).ln()).sqrt() * (TAU * self.next()).cos();
        Duration::from_secs_f64((median_ms * (0.4 * normal).exp()).clamp(1.0, 250.0) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_lie_around_their_median() {
        let chance = Chance::default();
        let mut times: Vec<_> = (0..10_001).map(|_| chance.latency(10.0).as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        assert!((9.0..11.0).contains(&times[5000]), "median {}", times[5000]);
        assert!((14.0..30.0).contains(&times[9500]), "p95 {}", times[9500]);
    }
}
