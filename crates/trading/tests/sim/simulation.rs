//! One run: a seed determines the steps, one await at a time; the properties are checked after
//! each. `ending` checks those of the end.

use domain::{Clock as _, Hash, LedgerEntry, UnixMicros};
use store::StoreError;
use testkit::ManualClock;
use trading::DeskRequest;

use crate::canary::Break;
use crate::client;
use crate::database::Database;
use crate::game::SimGame;
use crate::judge::{Fate, Judge};
use crate::node::Node;
use crate::rng::SimRng;
use crate::trace::Trace;

/// How often the judge reads the ledger: a crash breaks connections of the pool, which are replaced
/// one by one.
const READ_ATTEMPTS_MAX: u32 = 10;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) engine: String,
    pub(crate) planted: Option<Break>,
}

pub(crate) struct Simulation<'t> {
    pub(crate) game: SimGame,
    pub(crate) nodes: Vec<Node>,
    pub(crate) judge: Judge,
    pub(crate) rng: SimRng,
    pub(crate) trace: &'t Trace,
    /// What is still to be planted.
    planted: Option<Break>,
    /// Whether later attempts lock their players, as lanes do.
    locks: bool,
}

/// Runs it; `Err` has the violated property.
pub(crate) async fn run(run: &Run, trace: &Trace) -> Result<(), String> {
    let rng = SimRng::new(run.seed);
    let game = SimGame::open(&run.engine, &rng).await;
    let nodes = (0..rng.between(2, 4)).map(|_| {
        let lanes = u32::try_from(rng.between(1, 2)).expect("few");
        Node::new(&game, ManualClock::at(game.clock.now()), lanes)
    });
    let nodes = nodes.collect();
    let mut judge = Judge::new(&game.rules, &game.players);
    judge.is_failing = game.database.is_some();
    let locks = !rng.one_in(3);
    let planted = run.planted;
    let mut simulation = Simulation { game, nodes, judge, rng, trace, planted, locks };
    trace.step(format!("seed {}: {} nodes, locks {locks}", run.seed, simulation.nodes.len()));
    simulation.look().await?;
    for number in 1..=run.steps {
        simulation.step(number).await?;
        trace.count(|counts| counts.steps += 1);
    }
    Box::pin(simulation.end()).await?;
    trace.count(|counts| counts.seeds += 1);
    Ok(())
}

impl Simulation<'_> {
    async fn step(&mut self, number: u64) -> Result<(), String> {
        let title = |what: &str| self.trace.step(format!("{number}: {what}"));
        if let Some(database) = self.game.database.clone()
            && self.rng.one_in(25)
        {
            title("the database fails");
            return self.fail_database(&database).await;
        }
        match self.rng.between(1, 100) {
            1..=32 => {
                title("a client sends");
                self.send_new();
                Ok(())
            }
            33..=86 => {
                title("a node goes on");
                self.advance().await
            }
            87..=88 => {
                title("a node crashes");
                self.crash().await
            }
            89..=92 => {
                title("a client tries a lost request again");
                self.retry();
                Ok(())
            }
            93 => {
                title("a client goes away");
                self.hang_up();
                Ok(())
            }
            94 => {
                title("the clock jumps");
                self.jump().await
            }
            95..=97 => {
                title("the market is meddled with");
                let what = self.game.market.meddle(&self.rng);
                self.trace.note(&what);
                self.tick();
                Ok(())
            }
            98 => {
                title("the rules get one more achievement");
                let what = self.game.add_achievement(&self.rng).await?;
                self.trace.note(&what);
                Ok(())
            }
            _ => {
                title("time goes by");
                let seconds = self.rng.between(1, 60);
                self.move_clocks(seconds);
                self.tick();
                Ok(())
            }
        }
    }

    /// Sends a new request to some node, and sometimes the same to another one.
    fn send_new(&mut self) {
        let request = client::draw(&self.game, &self.judge, &self.rng);
        let twice = request.idempotency.is_some() && self.rng.one_in(8);
        let node = self.rng.index(self.nodes.len());
        self.send(node, &request);
        if twice {
            let twin = client::again(&request, &self.judge);
            self.send((node + 1) % self.nodes.len(), &twin);
        }
    }

    pub(crate) fn send(&mut self, node: usize, request: &DeskRequest) {
        self.trace.note(&format!("to node {node}: {}", client::describe(request)));
        self.trace.count(|counts| counts.requests += 1);
        self.nodes[node].enqueue(request.clone(), &mut self.judge);
    }

    async fn advance(&mut self) -> Result<(), String> {
        let lines = self.nodes.iter().enumerate().flat_map(|(node, n)| {
            let busy = n.lines.iter().enumerate().filter(|(_, line)| line.has_work());
            busy.map(move |(line, _)| (node, line))
        });
        let lines: Vec<(usize, usize)> = lines.collect();
        if lines.is_empty() {
            return Ok(());
        }
        let (node, line) = *self.rng.pick(&lines);
        self.advance_line(node, line).await
    }

    pub(crate) async fn advance_line(&mut self, node: usize, line: usize) -> Result<(), String> {
        self.trace.note(&format!("node {node}, lane {line}"));
        let at_once = usize::try_from(self.rng.between(1, 6)).expect("few");
        let Node { clock, lines } = &mut self.nodes[node];
        let parts = (&self.game, &mut self.judge, self.trace);
        let answered = lines[line].advance(clock, at_once, self.locks, parts).await?;
        if answered {
            self.look().await?;
            self.nodes[node].lines[line].keep_waiting(&self.judge)?;
        }
        Ok(())
    }

    /// A node dies in any phase, or just after a COMMIT, before it responds.
    async fn crash(&mut self) -> Result<(), String> {
        let node = self.rng.index(self.nodes.len());
        self.trace.note(&format!("node {node}"));
        self.trace.count(|counts| counts.crashes += 1);
        for line in 0..self.nodes[node].lines.len() {
            let at = &mut self.nodes[node].lines[line];
            if at.is_prepared() && self.rng.one_in(2) {
                at.batch.iter().for_each(|&number| self.judge.sent[number].is_disconnected = true);
                self.trace.count(|counts| counts.silent += 1);
                self.advance_line(node, line).await?;
            } else if at.will_lock(self.locks) && self.rng.one_in(2) {
                at.die_locked(self.trace).await;
                self.judge.died(&at.batch);
            }
        }
        let numbers = self.nodes[node].crash();
        self.judge.died(&numbers);
        Ok(())
    }

    /// The database fails while a batch is committed.
    async fn fail_database(&mut self, database: &Database) -> Result<(), String> {
        let lines = self.nodes.iter().enumerate().flat_map(|(node, n)| {
            let ready = n.lines.iter().enumerate().filter(|(_, line)| line.is_prepared());
            ready.map(move |(line, _)| (node, line))
        });
        let lines: Vec<(usize, usize)> = lines.collect();
        if lines.is_empty() {
            return self.advance().await;
        }
        let (node, line) = *self.rng.pick(&lines);
        self.trace.count(|counts| counts.failures += 1);
        let carried_out = self.rng.one_in(2);
        let numbers = self.rng.index(100) + 20;
        let crashes = self.rng.one_in(2);
        let mut step = Box::pin(self.advance_line(node, line));
        let ended = if crashes {
            // A batch that writes nothing sends no COMMIT.
            tokio::select! {
                ended = &mut step => ended,
                () = database.crash_at_commit(carried_out, numbers) => step.await,
            }
        } else {
            database.lose_answer();
            step.await
        };
        database.pass();
        ended
    }

    /// Sends a request again, to any node, that was lost or whose client has disconnected.
    fn retry(&mut self) {
        let lost = self.judge.sent.iter().filter(|sent| {
            let without_response =
                sent.is_disconnected || matches!(sent.fate, Fate::Lost | Fate::Unconfirmed);
            without_response && !self.judge.is_resolved(&sent.request)
        });
        let lost: Vec<_> = lost.map(|sent| &sent.request).collect();
        if lost.is_empty() {
            return;
        }
        let request = client::again(lost[self.rng.index(lost.len())], &self.judge);
        let node = self.rng.index(self.nodes.len());
        self.send(node, &request);
    }

    fn hang_up(&mut self) {
        let waiting = self.judge.sent.iter().enumerate().filter(|(_, s)| s.fate == Fate::Waiting);
        let waiting: Vec<usize> = waiting.map(|(number, _)| number).collect();
        if !waiting.is_empty() {
            let number = *self.rng.pick(&waiting);
            self.judge.sent[number].is_disconnected = true;
            self.trace.note(&format!("request {number} is not listened to any more"));
        }
    }

    /// Seconds to days, forward or backward, for all or for one node; or to a month's last second.
    async fn jump(&mut self) -> Result<(), String> {
        self.trace.count(|counts| counts.jumps += 1);
        let rng = &self.rng;
        let days = if rng.one_in(2) { rng.between(-20, 30) } else { 0 };
        let seconds = days * 86_400 + rng.between(-3_600, 3_600);
        match rng.between(1, 4) {
            1 => {
                let node = rng.index(self.nodes.len());
                self.nodes[node].clock.advance_seconds(seconds);
                self.trace.note(&format!("node {node} by {seconds} s"));
            }
            2 => {
                let (year, month, _) = self.game.clock.now().day().civil();
                let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                let first = domain::Day::from_civil(year, month, 1).expect("a day").start();
                self.set_clocks(first.plus_seconds(-2));
            }
            3 => self.set_clocks(self.game.clock.now()),
            _ => self.move_clocks(seconds),
        }
        self.tick();
        // As the server's job does, by the clock of its node.
        let clocks = self.nodes.iter().map(|node| node.clock.now()).chain([self.game.clock.now()]);
        for now in clocks.collect::<Vec<UnixMicros>>() {
            let made = self.game.store.ensure_ledger_months(now).await;
            made.map_err(|error| format!("making months: {error}"))?;
        }
        Ok(())
    }

    pub(crate) fn set_clocks(&self, now: UnixMicros) {
        self.trace.note(&format!("all to {now}"));
        self.game.clock.set(now);
        self.nodes.iter().for_each(|node| node.clock.set(now));
    }

    fn move_clocks(&self, seconds: i64) {
        self.trace.note(&format!("all by {seconds} s"));
        self.game.clock.advance_seconds(seconds);
        self.nodes.iter().for_each(|node| node.clock.advance_seconds(seconds));
    }

    fn tick(&mut self) {
        self.game.market.tick(self.game.clock.now(), &self.rng);
    }

    /// Takes the new rows of the ledger, then the responses.
    async fn look(&mut self) -> Result<(), String> {
        let responses = self.judge.take_responses()?;
        for player_id in self.game.players.clone() {
            let account = &self.judge.accounts[&player_id];
            let after = (player_id, account.version());
            let mut rows = self.rows(after, player_id).await?;
            if let Some(planted) = self.planted
                && planted.plant(account, &mut rows)
            {
                self.trace.note(&format!("planted: {}", planted.as_str()));
                self.planted = None;
            }
            for (entry, hash) in rows {
                self.judge.take_row(&entry, hash, &responses)?;
            }
        }
        for (number, response) in responses {
            self.judge.judge(number, response, self.trace)?;
        }
        Ok(())
    }

    async fn rows(
        &self,
        after: (i64, i64),
        player_id: i64,
    ) -> Result<Vec<(LedgerEntry, Hash)>, String> {
        let mut attempts = 1;
        loop {
            match self.game.store.ledger_range(after, player_id, 100_000).await {
                Err(StoreError::Unavailable(_)) if attempts < READ_ATTEMPTS_MAX => attempts += 1,
                rows => return rows.map_err(|error| format!("reading the ledger: {error}")),
            }
        }
    }
}
