//! The executable: all it does is in the library.

/// The system's allocator keeps an arena for each core and gives little back after a busy hour: docs/decisions/0014.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    syndarix::cli::main()
}
