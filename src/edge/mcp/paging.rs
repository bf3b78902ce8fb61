//! Pages of the lists that are kept in memory: the cursor carries where the last page ended, bound to its caller.

use rmcp::ErrorData;

use super::credentials::Credentials;
use crate::base::paging;

/// Items of a page.
const PAGE: usize = 200;

/// The page of `all` that `cursor` continues with, and the cursor of the next.
pub fn page<T>(
    who: &Credentials,
    list: &str,
    all: Vec<T>,
    cursor: Option<String>,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let binding = (
        list,
        &who.principal.id,
        &who.pin.project,
        &who.pin.agent,
        format!("{:?}", who.selection),
    );
    let from = match cursor {
        Some(cursor) => paging::decode::<usize>(&binding, &cursor)
            .map_err(|e| ErrorData::invalid_params(e.to_string(), None))?,
        None => 0,
    };
    let more = all.len() > from + PAGE;
    let items = all.into_iter().skip(from).take(PAGE).collect();
    let next = more.then(|| paging::encode(&binding, &(from + PAGE)));
    Ok((items, next))
}
