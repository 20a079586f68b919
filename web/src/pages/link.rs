//! Addresses that pages point to, their values escaped.

use crate::query::escaped;

/// An address that grows a query.
pub(crate) struct Link(String, bool);

impl Link {
    /// `path` without a query.
    pub(crate) fn to(path: &str) -> Link {
        Link(path.to_owned(), false)
    }

    /// With a parameter, unless it has no value.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Link {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.0.push(if self.1 { '&' } else { '?' });
            self.0.push_str(name);
            self.0.push('=');
            self.0.push_str(&escaped(value));
            self.1 = true;
        }
        self
    }

    /// As text.
    pub(crate) fn text(self) -> String {
        self.0
    }
}

/// Where a host sends its heartbeats, with its token.
pub(crate) fn heartbeat_url(base: &str, host_id: &str, token: &str) -> String {
    format!("{base}/api/v1/heartbeat/{host_id}?token={}", escaped(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_empty_values_leave_nothing_behind() {
        let link = |tag, status| Link::to("/dashboard").with("tag", tag).with("status", status).text();
        assert_eq!(link(None, Some("")), "/dashboard");
        assert_eq!(link(None, Some("up")), "/dashboard?status=up");
        assert_eq!(link(Some("a&b=\"c\" <d>"), Some("up")), "/dashboard?tag=a%26b%3D%22c%22%20%3Cd%3E&status=up");
    }
}
