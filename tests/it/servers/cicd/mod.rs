//! Runs of real processes.

mod dead_hub;
mod engine_run;
