//! A tiny supervision tree: a panic, the restart, siblings restarted together, and the give-up. Run it: `cargo run --example supervision`.

use actix::{Actor, Handler, Message, Supervised, System};
use actors::clock::Clock;
use actors::supervision::{
    AdminError, Child, ChildDef, ChildSpec, Context, ESCALATED, Exit, Flags, State, Strategy, Supervisor, Tree,
    name_children_in_panics,
};
use std::rc::Rc;
use tokio::sync::Notify;

/// Counts what is sold; forgets it when it is restarted, as it has no store.
struct Till {
    name: &'static str,
    sold: u32,
}

impl Till {
    fn new(name: &'static str) -> Till {
        Till { name, sold: 0 }
    }
}

impl Actor for Till {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        println!("    {}: open", self.name);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        println!("    {}: closed", self.name);
    }
}

impl Supervised for Till {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.sold = 0;
    }
}

impl Child for Till {}

#[derive(Message)]
#[rtype(result = "u32")]
struct Sell(u32);

impl Handler<Sell> for Till {
    type Result = u32;

    fn handle(&mut self, sell: Sell, _: &mut Context<Self>) -> u32 {
        assert!(sell.0 > 0, "somebody bought nothing");
        self.sold += sell.0;
        self.sold
    }
}

fn till(name: &'static str) -> ChildDef {
    ChildDef::new(ChildSpec::worker(name), move |_| Till::new(name))
}

/// A door, and two tills that are restarted together; more than two restarts of the tills in a minute close the shop.
fn shop() -> Tree {
    let tills = Tree::new(Flags::new(Strategy::OneForAll, 2, 60_000)).with(till("left")).with(till("right"));
    let tills = ChildDef::supervisor(ChildSpec::supervisor("tills"), tills);
    Tree::new(Flags::new(Strategy::OneForOne, 0, 60_000)).with(till("door")).with(tills)
}

fn show(shop: &Supervisor) {
    for group in shop.live().groups() {
        for child in group.shown {
            let reason = child.last_reason.as_deref().unwrap_or("nothing ever happened");
            let reason = reason.split(" (").next().unwrap_or(reason);
            println!(
                "    | {:<10} {:<6} {:<10} restarts {}  {reason}",
                group.supervisor,
                child.id.as_str(),
                word(child.state),
                child.restarts
            );
        }
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Running => "running",
        State::Restarting => "restarting",
        State::GivenUp => "given up",
        State::Stopped => "stopped",
    }
}

async fn story() -> Result<(), AdminError> {
    let closed = Rc::new(Notify::new());
    let tell = Rc::clone(&closed);
    let exit = Exit::calling(move |child, reason| {
        println!("    >> {child} cannot be kept ({reason})");
        println!("    >> a real process would end here with code {ESCALATED}");
        tell.notify_one();
    });

    println!("1. The tree starts, in order.");
    let shop = shop().start("shop", Clock::system(), exit).await?;
    let tills = shop.below("tills").ok_or_else(|| AdminError::NotFound("tills".into()))?;
    let [left, right] = ["left", "right"].map(|name| tills.addr::<Till>(name).expect("the tree has it"));

    println!("2. Both sell.");
    println!("    left has sold {:?}, right has sold {:?}", left.send(Sell(3)).await, right.send(Sell(4)).await);

    println!("3. One panics: its sibling is closed, and both open again. The addresses are the same, the state is not.");
    println!("    the sender of the bad message hears {:?}", left.send(Sell(0)).await);
    println!("    left has sold {:?}, right has sold {:?}", left.send(Sell(3)).await, right.send(Sell(4)).await);
    show(&shop);

    println!("4. It goes on panicking: that is too often for the tills, and then for the shop.");
    for _ in 0..2 {
        println!("    left hears {:?}, right then {:?}", left.send(Sell(0)).await, right.send(Sell(1)).await);
    }
    closed.notified().await;
    shop.shutdown().await;
    println!("5. What is left.");
    show(&shop);
    Ok(())
}

fn main() {
    std::panic::set_hook(Box::new(|_| ())); // the view tells the reasons
    name_children_in_panics();
    if let Err(e) = System::new().block_on(story()) {
        println!("it did not start: {e}");
    }
}
