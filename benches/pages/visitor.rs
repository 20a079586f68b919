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

    /// Makes the status page public, with the hosts of this tag.
    pub(crate) fn publish(&mut self, tag: &str) {
        let body = format!("csrf={}&enabled=on&tag={tag}&title=Status", self.csrf());
        let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "http://test"), ("Cookie", &self.cookie)];
        let answer = self.client.send("POST", "/config/public", &form, body.as_bytes()).expect("the hub answers");
        assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
    }

    fn csrf(&mut self) -> String {
        let page = self.page("/config");
        let field = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        field.unwrap_or_else(|| panic!("no proof in {page}")).to_owned()
    }

    /// Turns `times` pages on from `path`; answers where that leads.
    pub(crate) fn turn(&mut self, path: &str, times: usize) -> String {
        let mut path = path.to_owned();
        for _ in 0..times {
            let page = self.page(&path);
            let next = page.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
            let Some(next) = next else { break };
            path = next.replace("&amp;", "&").replace("&#x3D;", "=");
        }
        path
    }

    /// What proves who it is.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    fn page(&mut self, path: &str) -> String {
        let answer = self.client.send("GET", path, &[("Cookie", &self.cookie)], b"").expect("the hub answers");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{path}: {text}");
        text
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
