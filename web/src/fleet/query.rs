//! What a page of the fleet is asked for, read from the query of its address: `q`, `tag`, `status`, `sort`, `dir`, `cursor`, `limit`.

use super::cursor::Cursor;
use crate::error::ApiError;
use crate::query::Params;

/// Longest text searched for.
const TEXT_MAX_CHARS: usize = 200;
/// Most words searched for at once.
pub(super) const WORDS_MAX: usize = 8;
/// Most rows of one page of the fleet.
pub(super) const ROWS_MAX: u32 = 100;
/// Rows of a page when nothing is said.
pub(super) const ROWS_DEFAULT: u32 = 50;

/// What a page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetQuery {
    /// Words that must all occur in name, id, tags or description, whatever their case.
    pub text: Option<String>,
    /// A tag the hosts must have, whatever its case.
    pub tag: Option<String>,
    /// A state the hosts must be in.
    pub status: Option<Shown>,
    /// The order.
    pub sort: Sort,
    /// The other way round.
    pub descending: bool,
    /// Which page.
    pub cursor: Option<Cursor>,
    /// Most rows.
    pub limit: u32,
}

impl Default for FleetQuery {
    fn default() -> FleetQuery {
        FleetQuery {
            text: None,
            tag: None,
            status: None,
            sort: Sort::default(),
            descending: false,
            cursor: None,
            limit: ROWS_DEFAULT,
        }
    }
}

/// The states a page can be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Heard in time, late ones included.
    Up,
    /// Up, but the next heartbeat was expected already.
    Late,
    /// Down.
    Down,
    /// Never heard.
    Unknown,
    /// Paused.
    Paused,
    /// Silenced.
    Silenced,
}

impl Shown {
    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Shown::Up => "up",
            Shown::Late => "late",
            Shown::Down => "down",
            Shown::Unknown => "unknown",
            Shown::Paused => "paused",
            Shown::Silenced => "silenced",
        }
    }

    fn parse(text: &str) -> Option<Shown> {
        let all = [Shown::Up, Shown::Late, Shown::Down, Shown::Unknown, Shown::Paused, Shown::Silenced];
        all.into_iter().find(|shown| shown.as_str() == text)
    }
}

/// What a page is ordered by; hosts that are equal in it follow their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Worst first: down, late, unknown, up, paused.
    #[default]
    Status,
    /// By name, without regard to case.
    Name,
    /// Heard most recently first; never heard last.
    LastSeen,
    /// Who would alert soonest first; who never would last.
    NextAlert,
}

impl Sort {
    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Status => "status",
            Sort::Name => "name",
            Sort::LastSeen => "last_seen",
            Sort::NextAlert => "next_alert",
        }
    }

    fn parse(text: &str) -> Option<Sort> {
        [Sort::Status, Sort::Name, Sort::LastSeen, Sort::NextAlert].into_iter().find(|sort| sort.as_str() == text)
    }
}

impl FleetQuery {
    /// The query of an address.
    ///
    /// # Errors
    /// Every wrong parameter, each with its fix.
    pub fn parse(query: &str) -> Result<FleetQuery, ApiError> {
        let mut params = Params::of(query);
        let wanted = FleetQuery::take(&mut params);
        params.done()?;
        wanted
    }

    /// Takes what belongs to the fleet out of `params`, whose errors are the caller's to tell; a page may have more of its own.
    ///
    /// # Errors
    /// A text that is too long, has too many words or control characters.
    pub(crate) fn take(params: &mut Params) -> Result<FleetQuery, ApiError> {
        let wanted = FleetQuery {
            text: params.text("q"),
            tag: params.text("tag"),
            status: params.one_of("status", "must be up, late, down, unknown, paused or silenced", Shown::parse),
            sort: params.one_of("sort", "must be status, name, last_seen or next_alert", Sort::parse).unwrap_or_default(),
            descending: params.one_of("dir", "must be asc or desc", direction).unwrap_or_default(),
            cursor: params.one_of("cursor", "must be the next or previous cursor of a page in the same order", Cursor::parse),
            limit: params
                .one_of("limit", "must be 1 to 100", |text| text.parse().ok().filter(|n| (1..=ROWS_MAX).contains(n)))
                .unwrap_or(ROWS_DEFAULT),
        };
        wanted.check().map(|()| wanted)
    }

    fn check(&self) -> Result<(), ApiError> {
        for (field, text) in [("q", &self.text), ("tag", &self.tag)] {
            let Some(text) = text else { continue };
            if text.chars().count() > TEXT_MAX_CHARS {
                return Err(ApiError::field(field, format!("must have at most {TEXT_MAX_CHARS} characters")));
            }
            if text.chars().any(char::is_control) {
                return Err(ApiError::field(field, "must not contain control characters such as tab or line breaks"));
            }
        }
        if self.text.as_deref().is_some_and(|text| text.split_whitespace().count() > WORDS_MAX) {
            return Err(ApiError::field("q", format!("must have at most {WORDS_MAX} words")));
        }
        Ok(())
    }
}

fn direction(text: &str) -> Option<bool> {
    match text {
        "asc" => Some(false),
        "desc" => Some(true),
        _ => None,
    }
}
