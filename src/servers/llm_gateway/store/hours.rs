//! Sums by the hour: made from the requests' rows, read by `get_usage`.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use super::Store;
use crate::{
    base::{clock::Millis, ids::ProjectId},
    db::{DbError, Tx, parts},
    on_db, on_tx,
};

/// An hour in milliseconds.
pub const HOUR: Millis = 3_600_000;
/// Older requests than of 2025 there are none: days of zones are told apart from then on.
const FIRST: Millis = 1_735_689_600_000;

/// The sums of a request's row, in the order of the table's columns; they are added up, or taken away again.
const SUMS: [(&str, &str); 10] = [
    ("requests", "1"),
    (
        "failed",
        "case when status in ('error', 'partial', 'aborted') then 1 else 0 end",
    ),
    (
        "unpriced",
        "case when cost_nanousd is null and status in ('ok', 'partial') then 1 else 0 end",
    ),
    ("input_tokens", "input_tokens"),
    ("cached_tokens", "cached_tokens"),
    ("written_tokens", "written_tokens"),
    ("output_tokens", "output_tokens"),
    ("reasoning_tokens", "reasoning_tokens"),
    ("cost_nanousd", "cost_nanousd"),
    ("saved_nanousd", "saved_nanousd"),
];

/// Adds (`sign` 1) the requests `ids` to the sums of their hours, or takes them away (-1).
pub(super) async fn count(tx: &mut Tx<'_>, ids: &[String], sign: i64) -> Result<(), DbError> {
    const KEY: &str =
        "project_id, agent_id, token_id, model, provider, started_ms - started_ms % 3600000";
    let columns = SUMS.map(|(column, _)| column).join(", ");
    let sums = SUMS
        .map(|(_, sum)| format!("cast({sign} * coalesce(sum({sum}), 0) as bigint)"))
        .join(", ");
    let add = SUMS
        .map(|(column, _)| format!("{column} = llm_usage_hour.{column} + excluded.{column}"))
        .join(", ");
    let insert = format!(
        "insert into llm_usage_hour (project_id, agent_id, token_id, model, provider, hour_ms, {columns}) \
         select {KEY}, {sums} from llm_request where id in "
    );
    // In one order, so that hubs that write at the same time do not wait for each other in a circle.
    let rest = format!(
        " group by {KEY} order by 1, 6, 2, 3, 4, 5 on conflict (project_id, hour_ms, agent_id, token_id, model, provider) do update set {add}"
    );
    for ids in parts(ids) {
        on_tx!(*tx, c => {
            let mut sql = QueryBuilder::new(&insert);
            sql.push_tuples(ids, |mut row, id| { row.push_bind(id.clone()); });
            sql.push(&rest);
            sql.build().execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// What sums are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Project,
    Agent,
    /// Model or route, as it was asked for.
    Model,
    Provider,
    /// Id of the service token.
    Token,
    /// Hours of UTC.
    Hour,
    /// Days of `tz`.
    Day,
}

impl Group {
    /// What is summed by, as text that sorts as it should: days are counted from 1970-01-01 in the zone.
    fn column(self, zone: &TimeZone, range: (Millis, Millis)) -> String {
        match self {
            Self::Project => "project_id".to_owned(),
            Self::Agent => "agent_id".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Provider => "provider".to_owned(),
            Self::Token => "token_id".to_owned(),
            Self::Hour => "cast(hour_ms as text)".to_owned(),
            Self::Day => format!(
                "cast((hour_ms + {}) / 86400000 as text)",
                offset(zone, range)
            ),
        }
    }
}

/// The zone's offset at `hour_ms` in milliseconds, as SQL: it changes a few times in the range. It is made of numbers alone.
fn offset(zone: &TimeZone, (from, to): (Millis, Millis)) -> String {
    let at = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MIN);
    let ms = |offset: jiff::tz::Offset| Millis::from(offset.seconds()) * 1000;
    let from = at(from.max(FIRST));
    let (mut changes, mut before) = (Vec::new(), ms(zone.to_offset(from)));
    for change in zone.following(from).take(400) {
        let when = change.timestamp().as_millisecond();
        if when >= to {
            break;
        }
        changes.push(format!("when hour_ms < {when} then {before} "));
        before = ms(change.offset());
    }
    if changes.is_empty() {
        format!("({before})")
    } else {
        format!("case {}else {before} end", changes.concat())
    }
}

/// Sums over the requests of one group.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Sum {
    /// The values of the groups, in the order they were asked for, each ended by a line feed.
    pub key: String,
    pub requests: i64,
    pub failed: i64,
    pub unpriced: i64,
    pub input_tokens: i64,
    pub cached_tokens: i64,
    pub written_tokens: i64,
    pub output_tokens: i64,
    pub reasoning_tokens: i64,
    pub cost_nanousd: i64,
    pub saved_nanousd: i64,
}

impl Store {
    /// Sums over the project's requests that started in the hours of `from..to`, by `groups`, in the order of their keys.
    pub async fn sums(
        &self,
        project: &ProjectId,
        (groups, zone): (&[Group], &TimeZone),
        (from, to): (Millis, Millis),
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Sum>, DbError> {
        self.settled().await;
        let line_feed = if self.is_alone() {
            "char(10)"
        } else {
            "chr(10)"
        };
        // One key for any choice of groups; neither names nor days hold a line feed.
        let parts: Vec<String> = groups
            .iter()
            .map(|group| format!("{} || {line_feed}", group.column(zone, (from, to))))
            .collect();
        let (key, group) = if parts.is_empty() {
            ("''".to_owned(), " having count(*) > 0".to_owned())
        } else {
            let key = parts.join(" || ");
            let group = format!(" group by {key}");
            (key, group)
        };
        let sums = SUMS
            .map(|(column, _)| format!("cast(coalesce(sum({column}), 0) as bigint) as {column}"))
            .join(", ");
        let select = format!(
            "select * from (select {key} as key, {sums} from llm_usage_hour where project_id = "
        );
        on_db!(&self.db, pool => {
            let mut sql = QueryBuilder::new(select);
            sql.push_bind(project.as_str()).push(" and hour_ms >= ").push_bind(from).push(" and hour_ms < ").push_bind(to);
            sql.push(group).push(") as sums");
            if let Some(after) = after {
                sql.push(" where key > ").push_bind(after);
            }
            sql.push(" order by key limit ").push_bind(limit);
            Ok(sql.build_query_as::<Sum>().fetch_all(pool).await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_changes_with_the_clocks() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let range = (ms("2026-03-01T00:00:00Z"), ms("2026-10-01T00:00:00Z"));
        let spring = ms("2026-03-29T01:00:00Z");
        assert_eq!(
            offset(&berlin, range),
            format!("case when hour_ms < {spring} then 3600000 else 7200000 end")
        );
        assert_eq!(offset(&TimeZone::UTC, (0, Millis::MAX)), "(0)");
    }
}
