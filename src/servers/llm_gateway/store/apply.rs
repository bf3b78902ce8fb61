//! Writing down what happened to requests: many events in one transaction, each once.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use sqlx::QueryBuilder;

use super::{Store, hours};
use crate::{
    base::clock::Millis,
    db::{DbError, Tx, parts},
    on_tx,
    servers::llm_gateway::{
        engine::chat::Usage,
        ledger::{Charge, decide::Amounts},
        record::{Began, Ended, Event, Outcome},
    },
};

impl Store {
    /// Writes down `events`. What was applied before changes nothing, neither sums nor budgets; requests of projects that are
    /// gone are left out.
    pub async fn apply(&self, events: impl Into<Arc<[Event]>>) -> Result<(), DbError> {
        let events = events.into();
        self.db
            .write(move |mut tx| {
                Box::pin(async move {
                    let (mut began, mut ended) = once(&events);
                    release(&mut tx, &ended).await?;
                    let projects = projects(&mut tx, &began, &ended).await?;
                    began.retain(|began| projects.contains(&*began.project));
                    ended.retain(|ended| projects.contains(&*ended.began.project));

                    let before = statuses(&mut tx, &ended).await?;
                    let status = |ended: &Ended| before.get(&*ended.began.id).map(String::as_str);
                    // A request that was taken for dead has ended all the same: it is counted anew.
                    ended.retain(|ended| {
                        matches!(status(ended), None | Some("started" | "aborted"))
                    });
                    let id = |ended: &&Ended| ended.began.id.to_string();
                    let risen: Vec<String> = ended
                        .iter()
                        .filter(|ended| status(ended) == Some("aborted"))
                        .map(id)
                        .collect();
                    hours::count(&mut tx, &risen, -1).await?;

                    let outcome = Outcome::default();
                    let rows: Vec<_> = began.iter().map(|began| (*began, &outcome)).collect();
                    put(&mut tx, &rows, " on conflict (id) do nothing").await?;
                    let rows: Vec<_> = ended
                        .iter()
                        .map(|ended| (&ended.began, &ended.outcome))
                        .collect();
                    put(&mut tx, &rows, END).await?;
                    attempts(&mut tx, &ended).await?;
                    bodies(&mut tx, &ended).await?;
                    hours::count(&mut tx, &ended.iter().map(id).collect::<Vec<_>>(), 1).await?;
                    charge(&mut tx, &ended).await
                })
            })
            .await
    }
}

/// The beginnings that have no end among `events`, and the first end of each request.
fn once(events: &[Event]) -> (Vec<&Began>, Vec<&Ended>) {
    let (mut began, mut ended) = (Vec::new(), Vec::new());
    let mut ids: HashSet<&str> = HashSet::with_capacity(events.len());
    for event in events {
        match event {
            Event::Began(event) => began.push(event),
            Event::Ended(event) => {
                if ids.insert(&event.began.id) {
                    ended.push(&**event);
                }
            }
        }
    }
    began.retain(|began| ids.insert(&began.id));
    (began, ended)
}

/// Ends the reservations that the requests made where hubs share the database.
async fn release(tx: &mut Tx<'_>, ended: &[&Ended]) -> Result<(), DbError> {
    let charges = ended.iter().flat_map(|ended| &ended.charges);
    let ids: HashSet<&str> = charges
        .filter_map(|charge| charge.reservation.as_deref())
        .collect();
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    for ids in parts(&ids) {
        on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new("delete from llm_reservation where id in ");
            sql.push_tuples(ids, |mut row, id| { row.push_bind(id.clone()); });
            sql.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// Those of the events' projects that are there.
async fn projects(
    tx: &mut Tx<'_>,
    began: &[&Began],
    ended: &[&Ended],
) -> Result<HashSet<String>, DbError> {
    let ends = ended.iter().map(|ended| &ended.began);
    let all = began.iter().copied().chain(ends);
    let named: HashSet<&str> = all.map(|began| &*began.project).collect();
    let named: Vec<String> = named.into_iter().map(str::to_owned).collect();
    let mut there = HashSet::new();
    for named in parts(&named) {
        let rows: Vec<(String,)> = on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new("select id from project where id in ");
            sql.push_tuples(named, |mut row, id| { row.push_bind(id.clone()); });
            sql.build_query_as().fetch_all(&mut **c).await
        })?;
        there.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(there)
}

/// How the requests stand that have a row; nobody else changes them until the commit.
async fn statuses(tx: &mut Tx<'_>, ended: &[&Ended]) -> Result<HashMap<String, String>, DbError> {
    let lock = if matches!(tx, Tx::Postgres(_)) {
        " for update"
    } else {
        ""
    };
    let mut statuses = HashMap::new();
    for ended in parts(ended) {
        let rows: Vec<(String, String)> = on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new("select id, status from llm_request where id in ");
            sql.push_tuples(ended, |mut row, ended| { row.push_bind(ended.began.id.to_string()); });
            sql.push(lock);
            sql.build_query_as().fetch_all(&mut **c).await
        })?;
        statuses.extend(rows);
    }
    Ok(statuses)
}

const END: &str = " on conflict (id) do update set route = excluded.route, provider = excluded.provider, \
    upstream_model = excluded.upstream_model, simulated = excluded.simulated, status = excluded.status, code = excluded.code, \
    finish = excluded.finish, cache = excluded.cache, input_tokens = excluded.input_tokens, \
    cached_tokens = excluded.cached_tokens, written_tokens = excluded.written_tokens, \
    written_1h_tokens = excluded.written_1h_tokens, output_tokens = excluded.output_tokens, \
    reasoning_tokens = excluded.reasoning_tokens, usage_source = excluded.usage_source, \
    cost_nanousd = excluded.cost_nanousd, cost_source = excluded.cost_source, price_id = excluded.price_id, \
    saved_nanousd = excluded.saved_nanousd, duration_ms = excluded.duration_ms, first_token_ms = excluded.first_token_ms";

async fn put(
    tx: &mut Tx<'_>,
    requests: &[(&Began, &Outcome)],
    conflict: &str,
) -> Result<(), DbError> {
    for requests in parts(requests) {
        on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new(
                "insert into llm_request (id, project_id, agent_id, token_id, kind, model, route, face, streamed, \
                 idempotency_hash, owner, started_ms, provider, upstream_model, simulated, status, code, finish, cache, \
                 input_tokens, cached_tokens, written_tokens, written_1h_tokens, output_tokens, reasoning_tokens, usage_source, \
                 cost_nanousd, cost_source, price_id, saved_nanousd, duration_ms, first_token_ms) ");
            sql.push_values(requests, |mut row, (began, outcome)| {
                let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
                let over = outcome.status != super::Status::Started;
                row.push_bind(began.id.to_string())
                    .push_bind(began.project.to_string())
                    .push_bind(began.agent.to_string())
                    .push_bind(began.token.to_string())
                    .push_bind(began.kind.as_str())
                    .push_bind(began.model.to_string())
                    .push_bind(text(&began.route))
                    .push_bind(began.dialect.and_then(word).unwrap_or_else(|| "mcp".to_owned()))
                    .push_bind(began.stream)
                    .push_bind(began.idempotency_hash.clone())
                    .push_bind(began.owner.to_string())
                    .push_bind(began.started_ms)
                    .push_bind(outcome.provider.to_string())
                    .push_bind(outcome.upstream_model.to_string())
                    .push_bind(outcome.simulated)
                    .push_bind(outcome.status.as_str())
                    .push_bind(outcome.code.clone())
                    .push_bind(outcome.finish.and_then(word))
                    .push_bind(outcome.cache.map(super::CacheOutcome::as_str));
                let [input, cached, written, written_1h, output, reasoning] = classes(&outcome.usage);
                row.push_bind(input)
                    .push_bind(cached)
                    .push_bind(written)
                    .push_bind(written_1h)
                    .push_bind(output)
                    .push_bind(reasoning)
                    .push_bind(outcome.usage_source.as_str())
                    .push_bind(outcome.cost_nanousd)
                    .push_bind(over.then_some(outcome.cost_source.as_str()))
                    .push_bind(text(&outcome.price_id))
                    .push_bind(outcome.saved_nanousd)
                    .push_bind(over.then_some(outcome.duration_ms))
                    .push_bind(outcome.first_token_ms);
            });
            sql.push(conflict);
            sql.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// A value's one word, as it is in JSON.
fn word(value: impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value)
        .ok()?
        .as_str()
        .map(str::to_owned)
}

fn classes(usage: &Usage) -> [Option<i64>; 6] {
    let Usage {
        input,
        cached,
        written,
        written_1h,
        output,
        reasoning,
    } = *usage;
    [input, cached, written, written_1h, output, reasoning]
        .map(|tokens| i64::try_from(tokens?).ok())
}

async fn attempts<'a>(tx: &mut Tx<'_>, ended: &[&'a Ended]) -> Result<(), DbError> {
    let numbered = |ended: &&'a Ended| {
        let id = &ended.began.id;
        let rows = ended.attempts.iter().enumerate();
        rows.map(move |(n, attempt)| (id, n as i64, attempt))
    };
    let rows: Vec<_> = ended.iter().flat_map(numbered).collect();
    for rows in parts(&rows) {
        on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new(
                "insert into llm_attempt (request_id, position, provider, upstream_model, status, http_status, code, message, \
                 retry_after_ms, started_ms, duration_ms, input_tokens, cached_tokens, written_tokens, written_1h_tokens, \
                 output_tokens, reasoning_tokens, cost_nanousd) ");
            sql.push_values(rows, |mut row, (id, position, attempt)| {
                row.push_bind(id.to_string())
                    .push_bind(*position)
                    .push_bind(attempt.provider.to_string())
                    .push_bind(attempt.upstream_model.to_string())
                    .push_bind(attempt.status.as_str())
                    .push_bind(attempt.http_status.map(i64::from))
                    .push_bind(attempt.code.clone())
                    .push_bind(attempt.message.clone())
                    .push_bind(attempt.retry_after_ms)
                    .push_bind(attempt.started_ms)
                    .push_bind(attempt.duration_ms);
                for tokens in classes(&attempt.usage) {
                    row.push_bind(tokens);
                }
                row.push_bind(attempt.cost_nanousd);
            });
            sql.push(" on conflict do nothing");
            sql.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

async fn bodies(tx: &mut Tx<'_>, ended: &[&Ended]) -> Result<(), DbError> {
    let rows: Vec<_> = ended
        .iter()
        .filter_map(|ended| Some((&ended.began.id, ended.bodies.as_ref()?)))
        .collect();
    for rows in parts(&rows) {
        on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new("insert into llm_body (request_id, request, response) ");
            sql.push_values(rows, |mut row, (id, bodies)| {
                row.push_bind(id.to_string()).push_bind(bodies.request.clone()).push_bind(bodies.response.clone());
            });
            sql.push(" on conflict do nothing");
            sql.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// Charges the budgets' windows, in the order in which all lock them.
async fn charge(tx: &mut Tx<'_>, ended: &[&Ended]) -> Result<(), DbError> {
    let mut windows: BTreeMap<(String, String, Millis), (Option<Millis>, Amounts)> =
        BTreeMap::new();
    for charge in ended.iter().flat_map(|ended| &ended.charges) {
        let Charge {
            budget,
            subject,
            start_ms,
            end_ms,
            amounts,
            ..
        } = charge;
        let key = (budget.to_string(), subject.clone(), *start_ms);
        let (_, sum) = windows.entry(key).or_insert((*end_ms, Amounts::default()));
        *sum = *sum + *amounts;
    }
    let windows: Vec<_> = windows.into_iter().collect();
    for windows in parts(&windows) {
        on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new(
                "insert into llm_budget_window (budget, subject, start_ms, end_ms, spent_nano_usd, spent_tokens, spent_requests) ");
            sql.push_values(windows, |mut row, ((budget, subject, start_ms), (end_ms, amounts))| {
                row.push_bind(budget.clone()).push_bind(subject.clone()).push_bind(*start_ms).push_bind(*end_ms)
                    .push_bind(amounts.nano_usd).push_bind(amounts.tokens).push_bind(amounts.requests);
            });
            sql.push(" on conflict (budget, subject, start_ms) do update set \
                      spent_nano_usd = llm_budget_window.spent_nano_usd + excluded.spent_nano_usd, \
                      spent_tokens = llm_budget_window.spent_tokens + excluded.spent_tokens, \
                      spent_requests = llm_budget_window.spent_requests + excluded.spent_requests");
            sql.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}
