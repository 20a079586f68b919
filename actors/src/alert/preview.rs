//! What messages look like: the templates in force, tried on an incident that never happened. Nothing is sent.

use super::{AlertActor, examples};
use crate::supervision::Context;
use actix::prelude::*;
use domain::notice::{self, Form, Telling};
use domain::time::Wall;
use serde_json::Value;

/// How long the incident of the preview lasts, in milliseconds.
const OUTAGE_MS: i64 = 843_000;

/// Asks for the messages about an example.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Previewed")]
pub struct Preview;

/// The bodies as they would be sent.
#[derive(Clone, Debug, PartialEq, MessageResponse)]
pub struct Previewed {
    /// When the incident opens.
    pub opened: Value,
    /// When it is over.
    pub recovered: Value,
}

impl Handler<Preview> for AlertActor {
    type Result = Previewed;

    fn handle(&mut self, _: Preview, _: &mut Context<Self>) -> Previewed {
        let shop = self.shop();
        let mut incident = examples::incident();
        let began = incident.detected_at();
        let text = shop.texts.opened(&incident);
        let opened = notice::current(&incident, &telling(&text, began));
        let over = began.plus_ms(OUTAGE_MS);
        incident.resolved_at = Some(over);
        let text = shop.texts.recovered(&incident);
        let recovered = notice::recovered(&incident, &telling(&text, over));
        Previewed { opened, recovered }
    }
}

fn telling(text: &str, delivered_at: Wall) -> Telling<'_> {
    Telling { text, link: None, delivered_at, possible_repeat: false, form: Form::Full }
}
