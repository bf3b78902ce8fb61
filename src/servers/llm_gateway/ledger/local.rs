//! The windows of a hub that is alone on its database: in memory.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    Books, Exceeded, Held, Need,
    decide::{Amounts, Standing},
    judge::{Admission, Claim, Judgement, ask, busy, judge},
    store::Window,
};
use crate::base::clock::{Clock, Millis};

type Key = (Arc<str>, String);
/// Windows in memory before those that are over are looked for.
const ROOM: usize = 1024;

type Answer = Result<Held, Exceeded>;

#[derive(Debug)]
pub struct Local {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The latest window of each budget and subject.
    windows: HashMap<Key, Window>,
    /// Requests that wait for others to end, in the order they came.
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    claims: Vec<Claim>,
    need: Need,
    answer: oneshot::Sender<Answer>,
}

impl Local {
    pub fn new(clock: Clock, windows: Vec<Window>) -> Self {
        let keyed = |window: Window| ((Arc::clone(&window.budget), window.subject.clone()), window);
        let windows = windows.into_iter().map(keyed).collect();
        Self {
            clock,
            state: Mutex::new(State {
                windows,
                queue: VecDeque::new(),
            }),
        }
    }

    /// Admits a request once it fits all windows; refuses it as soon as it never will, or after `patience`.
    pub async fn reserve(
        self: &Arc<Self>,
        mut claims: Vec<Claim>,
        need: &Need,
        patience: Duration,
    ) -> Answer {
        let (mut answered, busy) = {
            let mut state = self.lock();
            let verdict = state.judge(&mut claims, need, self.clock.now());
            let busy = match (verdict, state.is_behind(&claims)) {
                (Judgement::Admit(admission), None) => {
                    return Ok(self.hold(&mut state, claims, need, admission));
                }
                (Judgement::Refuse(exceeded), _) => return Err(exceeded),
                (Judgement::Wait(exceeded), _) => exceeded,
                (Judgement::Admit(_), Some(claim)) => busy(claim),
            };
            let (answer, answered) = oneshot::channel();
            state.queue.push_back(Waiter {
                claims,
                need: need.clone(),
                answer,
            });
            (answered, busy)
        };
        if let Ok(Ok(answer)) = tokio::time::timeout(patience, &mut answered).await {
            return answer;
        }
        // Closed, it is passed over from now on; but it may have been admitted at the last moment.
        answered.close();
        if let Ok(answer) = answered.try_recv() {
            return answer;
        }
        // Others may have stood behind it.
        self.serve();
        Err(busy)
    }

    /// Ends what `claims` hold, with what was used of it.
    pub fn end(self: &Arc<Self>, claims: &[Claim], hold: Amounts, spent: Amounts) {
        let mut state = self.lock();
        for claim in claims {
            let window = state.windows.get_mut(&key(claim));
            // A window that is over is in the database only.
            if let Some(window) = window.filter(|window| window.span == claim.span) {
                let standing = &mut window.standing;
                standing.held = standing.held - hold;
                standing.in_flight -= 1;
                standing.spent = standing.spent + spent;
            }
        }
        let waited_for = !state.queue.is_empty();
        drop(state);
        if waited_for {
            self.serve();
        }
    }

    /// The windows that are not over.
    pub fn windows(&self, now: Millis) -> Vec<Window> {
        let state = self.lock();
        let live = |window: &&Window| window.span.end.is_none_or(|end| end > now);
        state.windows.values().filter(live).cloned().collect()
    }

    /// Answers those who wait, as far as they fit or never will.
    fn serve(self: &Arc<Self>) {
        let mut answers = Vec::new();
        let mut state = self.lock();
        let now = self.clock.now();
        let mut taken: HashSet<Key> = HashSet::new();
        for mut waiter in std::mem::take(&mut state.queue) {
            if waiter.answer.is_closed() {
                continue;
            }
            let verdict = state.judge(&mut waiter.claims, &waiter.need, now);
            let behind = waiter
                .claims
                .iter()
                .any(|claim| taken.contains(&key(claim)));
            match verdict {
                Judgement::Admit(admission) if !behind => {
                    let held = self.hold(&mut state, waiter.claims, &waiter.need, admission);
                    answers.push((waiter.answer, Ok(held)));
                }
                Judgement::Refuse(exceeded) => answers.push((waiter.answer, Err(exceeded))),
                Judgement::Admit(_) | Judgement::Wait(_) => {
                    taken.extend(waiter.claims.iter().map(key));
                    state.queue.push_back(waiter);
                }
            }
        }
        // Unlocked before anybody is answered: what nobody takes is a reservation that is given back.
        drop(state);
        for (answer, outcome) in answers {
            let _gone = answer.send(outcome);
        }
    }

    fn hold(
        self: &Arc<Self>,
        state: &mut State,
        claims: Vec<Claim>,
        need: &Need,
        admission: Admission,
    ) -> Held {
        let hold = ask(need).hold;
        for claim in &claims {
            let standing = &mut state.window(claim).standing;
            standing.held = standing.held + hold;
            standing.in_flight += 1;
        }
        Held {
            warnings: admission.warnings,
            remaining: admission.remaining,
            id: Arc::from(""),
            claims,
            hold,
            books: Books::Local(Arc::clone(self)),
            open: true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Judges by the windows of `now`, which become those of `claims`.
    fn judge(&self, claims: &mut [Claim], need: &Need, now: Millis) -> Judgement {
        let standing = |claim: &mut Claim| {
            claim.span = claim.budget.span(now);
            let window = self
                .windows
                .get(&key(claim))
                .filter(|window| window.span == claim.span);
            window.map(|window| window.standing).unwrap_or_default()
        };
        let standings: Vec<Standing> = claims.iter_mut().map(standing).collect();
        judge(claims, &standings, need, now)
    }

    /// The first of `claims` that somebody waits for already: who came earlier goes first.
    fn is_behind<'a>(&self, claims: &'a [Claim]) -> Option<&'a Claim> {
        let waiting = |own: &&Claim| {
            let mut others = self.queue.iter().flat_map(|waiter| &waiter.claims);
            others.any(|other| other.budget.id == own.budget.id && other.subject == own.subject)
        };
        claims.iter().find(waiting)
    }

    /// The claim's window; a new one where the latest is over.
    fn window(&mut self, claim: &Claim) -> &mut Window {
        let fresh = || Window {
            budget: Arc::clone(&claim.budget.id),
            subject: claim.subject.clone(),
            span: claim.span,
            standing: Standing::default(),
        };
        // Now and then those that are over make room for new ones.
        if self.windows.len() % ROOM == ROOM - 1 {
            let over = |window: &Window| window.span.end.is_some_and(|end| end <= claim.span.start);
            self.windows.retain(|_, window| !over(window));
        }
        let window = self.windows.entry(key(claim)).or_insert_with(fresh);
        if window.span != claim.span {
            *window = fresh();
        }
        window
    }
}

fn key(claim: &Claim) -> Key {
    (Arc::clone(&claim.budget.id), claim.subject.clone())
}
