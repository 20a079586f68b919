//! How single columns become domain values.

use domain::field::FieldError;
use domain::time::{Steady, Wall};
use rusqlite::types::Type;
use rusqlite::{Error, Row};
use std::str::FromStr;

/// Most rows one page may have.
const PAGE_MAX: u32 = 1_000;

/// Milliseconds by the wall clock, if any.
pub(crate) fn wall(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Wall>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Wall))
}

/// Both columns of an instant kept on both lines; `None` unless both are there.
pub(crate) fn instant(row: &Row<'_>, wall: usize, steady: usize) -> rusqlite::Result<Option<(Wall, Steady)>> {
    let (wall, steady): (Option<i64>, Option<i64>) = (row.get(wall)?, row.get(steady)?);
    Ok(wall.map(Wall).zip(steady.map(Steady)))
}

/// A word of a closed list.
pub(crate) fn word<T: FromStr<Err = FieldError>>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    text.parse().map_err(|e: FieldError| Error::FromSqlConversionFailure(at, Type::Text, e.to_string().into()))
}

/// JSON text; text that is no JSON becomes a JSON string, so that one bad row shows itself instead of hiding a page.
pub(crate) fn json(row: &Row<'_>, at: usize) -> rusqlite::Result<serde_json::Value> {
    let text = row.get_ref(at)?.as_str()?;
    Ok(serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::String(text.to_owned())))
}

/// `limit` within what a page may have.
pub(crate) fn page_size(limit: u32) -> u32 {
    limit.clamp(1, PAGE_MAX)
}

/// Cuts a page that was read with one row too many; the cursor is the key of the last row kept.
pub(crate) fn cut<T>(mut rows: Vec<T>, size: u32, key: impl Fn(&T) -> i64) -> (Vec<T>, Option<i64>) {
    let more = rows.len() > size as usize;
    rows.truncate(size as usize);
    let next = if more { rows.last().map(key) } else { None };
    (rows, next)
}
