//! What templates can say besides text: times, states and icons. Each writes markup of ours around escaped text.

use super::escape;
use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason, handlebars_helper};
use std::fmt::Write as _;

/// Slots of a strip, and their distance.
const STRIP_SLOTS: usize = 30;
const SLOT_PITCH: usize = 8;

/// States with the word people read and the icon that says the same without colour.
const STATES: [(&str, &str); 21] = [
    ("up", "Up"),
    ("late", "Late"),
    ("down", "Down"),
    ("unknown", "Waiting"),
    ("paused", "Paused"),
    ("silenced", "Silenced"),
    ("critical", "Critical"),
    ("high", "High"),
    ("medium", "Medium"),
    ("low", "Low"),
    ("warning", "Warning"),
    ("info", "Info"),
    ("open", "Open"),
    ("acknowledged", "Acknowledged"),
    ("ended", "Ended"),
    ("running", "Running"),
    ("starting", "Starting"),
    ("restarting", "Restarting"),
    ("given_up", "Given up"),
    ("stopped", "Stopped"),
    ("broken", "Broken"),
];

handlebars_helper!(eq: |a: Json, b: Json| a == b);

/// Makes the helpers known.
pub(super) fn register(engine: &mut Handlebars<'_>) {
    engine.register_helper("eq", Box::new(eq));
    engine.register_helper("time", Box::new(time));
    engine.register_helper("ago", Box::new(ago));
    engine.register_helper("state", Box::new(state));
    engine.register_helper("icon", Box::new(icon));
    engine.register_helper("strip", Box::new(strip));
    engine.register_helper("wrong", Box::new(wrong));
    engine.register_helper("invalid", Box::new(invalid));
}

fn text<'a>(helper: &'a Helper<'_>, name: &'static str) -> Result<&'a str, RenderErrorReason> {
    let param = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex(name, 0))?;
    param.value().as_str().ok_or_else(|| RenderErrorReason::ParamTypeMismatchForName(name, "0".into(), "text".into()))
}

/// `{{time at}}`: an instant, in UTC until a script says it in the reader's zone.
fn time(h: &Helper<'_>, _: &Handlebars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output) -> HelperResult {
    Ok(out.write(&tag(text(h, "time")?, ""))?)
}

/// `{{ago at}}`: an instant that a script says as "3 min ago".
fn ago(h: &Helper<'_>, _: &Handlebars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output) -> HelperResult {
    Ok(out.write(&tag(text(h, "ago")?, " data-ago"))?)
}

/// `2026-11-26T00:35:10.123Z` as people read it, and for programs as it was.
fn tag(at: &str, more: &str) -> String {
    let at = escape(at);
    let shown = match (at.get(..10), at.get(11..19)) {
        (Some(day), Some(time)) if at.ends_with('Z') => format!("{day} {time} UTC"),
        _ => at.clone(),
    };
    format!("<time datetime=\"{at}\"{more}>{shown}</time>")
}

/// `{{state status}}`: icon and word, coloured.
fn state(h: &Helper<'_>, _: &Handlebars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output) -> HelperResult {
    let key = text(h, "state")?;
    let (key, word) = STATES.into_iter().find(|(known, _)| *known == key).unwrap_or(("unknown", "Unknown"));
    Ok(out.write(&format!("<span class=\"state {key}\">{}{word}</span>", drawn(key)))?)
}

/// `{{icon "copy"}}`: a drawing beside a word.
fn icon(h: &Helper<'_>, _: &Handlebars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output) -> HelperResult {
    Ok(out.write(&drawn(&escape(text(h, "icon")?)))?)
}

/// What is wrong with an input: the first of `errors` that is about it.
fn fault<'a>(context: &'a Context, input: &str) -> Option<&'a str> {
    let errors = context.data().get("errors")?.as_array()?;
    errors.iter().find(|e| e["input"] == input)?["message"].as_str()
}

/// `{{wrong "name"}}`: the words below an input that was filled in wrongly.
fn wrong(h: &Helper<'_>, _: &Handlebars<'_>, ctx: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output) -> HelperResult {
    let input = text(h, "wrong")?;
    if let Some(message) = fault(ctx, input) {
        out.write(&format!("<p class=\"wrong\" id=\"{}-wrong\">{}</p>", escape(input), escape(message)))?;
    }
    Ok(())
}

/// `{{invalid "name" hint="name-hint"}}`: the attributes that tie an input to its hint and to what is wrong with it.
fn invalid(
    h: &Helper<'_>,
    _: &Handlebars<'_>,
    ctx: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let input = text(h, "invalid")?;
    let hint = h.hash_get("hint").and_then(|hint| hint.value().as_str()).map(escape);
    let is_wrong = fault(ctx, input).is_some();
    let mut ids: Vec<String> = hint.into_iter().collect();
    if is_wrong {
        ids.insert(0, format!("{}-wrong", escape(input)));
        out.write(" aria-invalid=\"true\"")?;
    }
    if !ids.is_empty() {
        out.write(&format!(" aria-describedby=\"{}\"", ids.join(" ")))?;
    }
    Ok(())
}

/// `{{strip slots}}`: bars of the last heartbeats, the newest at the right; each kind has its own shape.
fn strip(h: &Helper<'_>, _: &Handlebars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output) -> HelperResult {
    let param = h.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("strip", 0))?;
    let slots: Vec<&str> = param.value().as_array().into_iter().flatten().filter_map(|slot| slot.as_str()).collect();
    Ok(out.write(&bars(&slots))?)
}

/// A success is a bar, a failure a bar with a gap (an exclamation mark), a missed one a dot.
fn bars(slots: &[&str]) -> String {
    if slots.is_empty() {
        return "<span class=\"muted small\">nothing heard yet</span>".to_owned();
    }
    let (mut paths, mut counts) = (<[String; 3]>::default(), [0_usize; 3]);
    let first = STRIP_SLOTS.saturating_sub(slots.len());
    for (i, kind) in slots.iter().enumerate() {
        let x = (first + i) * SLOT_PITCH + SLOT_PITCH / 2;
        let (at, shape) = match *kind {
            "success" => (0, "v20"),
            "failure" => (1, "v11m0 9v0"),
            _ => (2, "m0 20v0"),
        };
        counts[at] += 1;
        let _ = write!(paths[at], "M{x} 4{shape}");
    }
    let [heard, failed, missed] = counts;
    let label = format!("Last {}: {heard} in time, {failed} failed, {missed} missed", slots.len());
    let mut svg = format!(
        "<svg class=\"strip\" viewBox=\"0 0 {} 28\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\">",
        STRIP_SLOTS * SLOT_PITCH
    );
    for (class, path) in ["u", "d", "n"].into_iter().zip(paths).filter(|(_, path)| !path.is_empty()) {
        let _ = write!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    svg.push_str("</svg>");
    svg
}

fn drawn(name: &str) -> String {
    format!("<svg class=\"i\" aria-hidden=\"true\"><use href=\"#i-{name}\"/></svg>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_said_in_utc_and_kept_whole_for_programs() {
        assert_eq!(
            tag("2026-11-26T00:35:10.123Z", ""),
            "<time datetime=\"2026-11-26T00:35:10.123Z\">2026-11-26 00:35:10 UTC</time>"
        );
        assert!(!tag("<script>", "").contains("<script>"));
    }
}
