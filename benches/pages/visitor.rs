//! Somebody signed in with a browser, who keeps one connection open.

use crate::process::{Client, stopwatch};

const PASSWORD: &str = "a long sentence nobody guesses";

/// A signed-in person.
pub(crate) struct Visitor {
    client: Client,
    cookie: String,
}

impl Visitor {
    /// A new admin, added with the `operator`'s key, who signs in at the door.
    pub(crate) fn sign_in(address: &str, operator: &str) -> Visitor {
        let mut client = Client::new(address);
        let json = [("X-API-Key", operator), ("Content-Type", "application/json")];
        let body = serde_json::json!({"name": "bench", "password": PASSWORD, "role": "admin"}).to_string();
        let added = client.send("POST", "/api/v1/users", &json, body.as_bytes()).expect("the hub answers");
        assert_eq!(added.status, 201, "{}", String::from_utf8_lossy(&added.body));
        let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "http://test")];
        let body = format!("name=bench&password={}", PASSWORD.replace(' ', "+"));
        let door = client.send("POST", "/login", &form, body.as_bytes()).expect("the hub answers");
        let cookie = door.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie: {} {}", door.status, String::from_utf8_lossy(&door.body)));
        Visitor { client, cookie: cookie.to_owned() }
    }

    /// Asks for a page; how many milliseconds it took to the last byte, and how many bytes it has.
    pub(crate) fn look(&mut self, path: &str) -> (f64, usize) {
        let began = stopwatch();
        let answer = self.client.send("GET", path, &[("Cookie", &self.cookie)], b"").expect("the hub answers");
        let took = stopwatch() - began;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        (took.as_secs_f64() * 1_000.0, answer.body.len())
    }
}
