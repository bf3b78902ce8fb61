//! Where a call goes: routes and their targets, how those do, how often they are tried, and how much may go to them.

pub mod health;
pub mod limits;
