//! The speed test in virtual time: what is kept, when it is told, and when it is over.

use super::{Memory, World, life_with};
use crate::clock::Clock;
use crate::hub::NetParts;
use crate::speed::{Meter, Method, Plan, Speed, SpeedParts};
use futures_util::future::LocalBoxFuture;
use std::cell::Cell;
use std::rc::Rc;
use store::TempFolder;

/// A line whose speed, in kbit/s, is set; none: the server does not answer.
#[derive(Clone)]
struct Fast(Rc<Cell<Option<i64>>>);

impl Meter for Fast {
    fn measure(&self) -> LocalBoxFuture<'static, Result<Speed, String>> {
        let speed = self.0.get();
        Box::pin(async move {
            speed.map(|kbit| Speed { down_kbit_s: Some(kbit), up_kbit_s: None }).ok_or_else(|| "no answer".to_owned())
        })
    }
}

fn story(tell: impl AsyncFnOnce(&World, &Fast)) {
    let (folder, fast) = (TempFolder::new().unwrap(), Fast(Rc::new(Cell::new(Some(100_000)))));
    let meter = fast.clone();
    let plan = Plan {
        method: Method::Http,
        server: "https://speed.lan/file".into(),
        every_s: 600,
        least_down_kbit_s: Some(50_000),
        least_up_kbit_s: Some(10_000),
    };
    let parts = SpeedParts { plan, meter: Box::new(move || Rc::new(meter.clone())) };
    let net = NetParts { speed: Some(parts), ..NetParts::default() };
    life_with(&folder, 0, Memory::default(), |_: &Clock| net, async |w| tell(w, &fast).await);
}

#[test]
fn two_slow_tests_are_told_once_and_the_next_fast_one_ends_it() {
    story(async |w, fast| {
        w.at(200).await;
        fast.0.set(Some(49_000));
        w.at(200 + 600).await;
        assert_eq!(w.said(), Vec::<String>::new(), "one slow test is nobody's business");
        w.at(200 + 3 * 600).await;
        assert_eq!(w.said().len(), 1, "{:?}", w.said());
        let body = w.said.1.bodies.borrow()[0].to_string();
        assert!(body.contains("down 49.0 Mbit/s, expected are 50.0"), "{body}");
        fast.0.set(None);
        w.at(200 + 4 * 600).await;
        assert_eq!(w.said().len(), 1, "a test that failed says nothing about the speed");
        fast.0.set(Some(50_000));
        w.at(200 + 5 * 600).await;
        assert_eq!(w.running.hub.db().read(store::alerts::count_open).await.unwrap(), 0);
        let kept = w.running.hub.db().read(|conn| store::speed::newest(conn, 10)).await.unwrap();
        assert_eq!(
            kept.iter().map(|test| test.down_kbit_s).collect::<Vec<_>>(),
            [Some(50_000), None, Some(49_000), Some(49_000), Some(49_000), Some(100_000)]
        );
        assert_eq!(kept[1].error.as_deref(), Some("no answer"));
    });
}
