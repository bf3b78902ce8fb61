//! `get_usage`: what was used, by whom, and what it cost.

use jiff::tz::TimeZone;

use crate::{
    base::clock::rfc3339,
    servers::llm_gateway::{
        LlmGateway,
        model::dollars,
        store::{Group, HOUR, Sum},
    },
    tool::prelude::*,
};

const DAY: Millis = 86_400_000;

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct GetUsage;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// What to sum by, e.g. `["agent", "day"]`; one sum over everything if left out.
    #[serde(default)]
    #[garde(length(max = 7))]
    pub group_by: Vec<Group>,
    /// Only requests that started at or after this time, in milliseconds since the Unix epoch: from the beginning of its hour.
    pub from: Option<Millis>,
    /// Only requests that started before this time, in milliseconds since the Unix epoch: to the end of its hour.
    pub to: Option<Millis>,
    /// Time zone of the days, as `Europe/Berlin`; UTC unless given. A day has whole hours of UTC: where a zone is off by a part
    /// of an hour, its days begin with the first whole one.
    #[garde(length(bytes, max = 64))]
    pub tz: Option<String>,
    /// Most sums to return.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

/// The sums of one group.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    /// Project, when grouped by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Agent, when grouped by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Model as it was asked for, when grouped by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Provider, when grouped by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Id of the service token, when grouped by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Hour of UTC as `2026-11-22T18:00:00.000Z`, when grouped by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hour: Option<String>,
    /// Day of `tz` as `2026-11-22`, when grouped by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Requests.
    pub requests: i64,
    /// How many of them failed.
    pub failed: i64,
    /// All input tokens.
    pub input_tokens: i64,
    /// What of the input was read from providers' caches.
    pub cached_tokens: i64,
    /// What of the input was written to providers' caches.
    pub written_tokens: i64,
    /// All output tokens.
    pub output_tokens: i64,
    /// What of the output was reasoning.
    pub reasoning_tokens: i64,
    /// Dollars, of the requests whose cost is known.
    pub cost_usd: f64,
    /// Dollars that answers from the cache would have cost besides.
    pub saved_usd: f64,
    /// Answered requests whose cost is not known: they are not in `cost_usd`.
    pub unpriced_requests: i64,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The sums, in the order of their groups.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GetUsage {
    type Server = LlmGateway;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "get_usage";
    const ABOUT: &'static str = "Sum up the project's requests to models: count, failures, tokens by class and cost, by agent, \
        model, provider, token, hour or day. Returns sums in pages; requests with an unknown price are counted apart. For one \
        request use get_request, for what is left use get_budget.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &LlmGateway, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let (from, to) = (args.from.unwrap_or(0), args.to.unwrap_or(Millis::MAX));
        if from > to {
            return Err(ToolError::invalid("/from", "lies after `to`"));
        }
        let range = (from - from.rem_euclid(HOUR), to);
        let tz = args.tz.as_deref().unwrap_or("UTC");
        let zone = TimeZone::get(tz).map_err(|_| {
            ToolError::invalid("/tz", "is no time zone: use a name such as Europe/Berlin")
        })?;
        let binding = ("get_usage", ctx.project(), &args.group_by, range, tz);
        let after: Option<String> = args
            .cursor
            .as_ref()
            .map(|cursor| paging::decode(&binding, cursor))
            .transpose()?;
        let wanted = i64::from(args.limit) + 1;
        let mut sums = server
            .store
            .sums(
                ctx.project(),
                (&args.group_by, &zone),
                range,
                after.as_deref(),
                wanted,
            )
            .await?;
        let more = sums.len() as i64 == wanted;
        if more {
            sums.pop();
        }
        let last = sums.last().filter(|_| more);
        Ok(Output {
            next_cursor: last.map(|sum| paging::encode(&binding, &sum.key)),
            items: sums
                .into_iter()
                .map(|sum| item(&args.group_by, sum))
                .collect(),
        })
    }
}

fn item(groups: &[Group], sum: Sum) -> Item {
    let mut item = Item {
        requests: sum.requests,
        failed: sum.failed,
        input_tokens: sum.input_tokens,
        cached_tokens: sum.cached_tokens,
        written_tokens: sum.written_tokens,
        output_tokens: sum.output_tokens,
        reasoning_tokens: sum.reasoning_tokens,
        cost_usd: dollars(sum.cost_nanousd),
        saved_usd: dollars(sum.saved_nanousd),
        unpriced_requests: sum.unpriced,
        ..Item::default()
    };
    for (group, value) in groups.iter().zip(sum.key.split('\n')) {
        let value = value.to_owned();
        match group {
            Group::Project => item.project = Some(value),
            Group::Agent => item.agent = Some(value),
            Group::Model => item.model = Some(value),
            Group::Provider => item.provider = Some(value),
            Group::Token => item.token = Some(value),
            Group::Hour => item.hour = value.parse().ok().map(rfc3339),
            Group::Day => {
                let day = value
                    .parse::<Millis>()
                    .unwrap_or_default()
                    .saturating_mul(DAY);
                item.day = Some(rfc3339(day).chars().take(10).collect());
            }
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::servers::llm_gateway::{tests::team, tools::chat};

    fn args(groups: &[Group], limit: u32, cursor: Option<String>) -> Args {
        Args {
            group_by: groups.to_vec(),
            from: None,
            to: None,
            tz: None,
            limit,
            cursor,
        }
    }

    #[tokio::test]
    async fn days_are_those_of_the_zone() {
        let team = team().await;
        let ask = json!({"model": "mock/echo", "messages": [{"role": "user", "content": "hi"}]});
        let ask: chat::Args = serde_json::from_value(ask).unwrap();
        team.call::<chat::Chat>(ask).await.unwrap();
        // The clock is that of the system: wherever it stands, these two are 25 hours apart.
        let day = async |tz: &str| {
            let args = Args {
                tz: Some(tz.to_owned()),
                ..args(&[Group::Day, Group::Hour, Group::Token], 50, None)
            };
            let item = team.call::<GetUsage>(args).await.unwrap().items.remove(0);
            assert!(item.hour.unwrap().ends_with(":00:00.000Z"));
            item.day.unwrap()
        };
        assert_ne!(day("Pacific/Kiritimati").await, day("Pacific/Niue").await);
        let nowhere = Args {
            tz: Some("Mars/Olympus".to_owned()),
            ..args(&[], 50, None)
        };
        let error = team.call::<GetUsage>(nowhere).await.unwrap_err();
        assert_eq!(error.fields[0].pointer, "/tz");
    }

    #[tokio::test]
    async fn sums_are_of_the_own_project() {
        let team = team().await;
        let ask = |text: &str| {
            serde_json::from_value::<chat::Args>(
                json!({"model": "mock/echo", "messages": [{"role": "user", "content": text}]}),
            )
            .unwrap()
        };
        for (who, text) in [
            ("ann", "one two"),
            ("ann", "mock:status=500"),
            ("bea", "one"),
        ] {
            let _ = team.at("demo", who).call::<chat::Chat>(ask(text)).await;
        }
        team.at("elsewhere", "eve")
            .call::<chat::Chat>(ask("secret"))
            .await
            .unwrap();

        let all = team.call::<GetUsage>(args(&[], 50, None)).await.unwrap();
        let [sum] = all.items.as_slice() else {
            panic!("{:?}", all.items)
        };
        assert_eq!(
            (
                sum.requests,
                sum.failed,
                sum.input_tokens,
                sum.output_tokens
            ),
            (3, 1, 3, 3)
        );

        let first = team
            .call::<GetUsage>(args(&[Group::Agent, Group::Day], 1, None))
            .await
            .unwrap();
        assert_eq!(
            (first.items[0].agent.as_deref(), first.items[0].requests),
            (Some("ann"), 2)
        );
        assert_eq!(first.items[0].day.as_ref().unwrap().len(), 10);
        let second = team
            .call::<GetUsage>(args(&[Group::Agent, Group::Day], 1, first.next_cursor))
            .await
            .unwrap();
        assert_eq!(
            (second.items[0].agent.as_deref(), second.next_cursor),
            (Some("bea"), None)
        );

        let past = Args {
            to: Some(1),
            ..args(&[], 50, None)
        };
        assert!(team.call::<GetUsage>(past).await.unwrap().items.is_empty());
    }
}
