//! Runs of real processes.

mod engine_run;
