//! The command line: one file a command.

mod admin;
mod audit;
mod backup;
mod banner;
mod call;
mod client_config;
mod config;
mod doctor;
mod exit;
mod hub;
mod init;
mod knowledge;
mod llm_prices;
mod migrate;
mod openapi;
mod out;
mod serve;
mod stdio;
mod systemd;
mod tools;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use self::exit::Exit;
use crate::{
    config::{Settings, Source},
    servers::git::remote::{askpass, ssh},
};

/// Seven MCP servers for a team of AI agents, in one process.
#[derive(Debug, Parser)]
#[command(name = "syndarix", version, about, propagate_version = true)]
struct Cli {
    /// The configuration file; by default config.toml in the working directory, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub (the default).
    Serve,
    /// Write a commented config.toml into the working directory.
    Init,
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Make and list projects, and say which agents are their members.
    #[command(subcommand)]
    Project(admin::ProjectCommand),
    /// Make and list agents.
    #[command(subcommand)]
    Agent(admin::AgentCommand),
    /// Make, list, rotate and revoke service tokens.
    #[command(subcommand)]
    Token(admin::TokenCommand),
    /// Find calls in the audit log, newest first.
    Audit(Box<audit::AuditArgs>),
    /// Find what may keep the hub from running well, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// Write all that the hub keeps into one file, while it runs or not.
    Backup(backup::BackupArgs),
    /// Make a data directory out of a backup.
    Restore(backup::RestoreArgs),
    /// Bring the database up to date, or say whether it is.
    Migrate(migrate::MigrateArgs),
    /// Look after the knowledge base: compare, fill anew, count, take out, bring in.
    #[command(subcommand)]
    Knowledge(knowledge::KnowledgeCommand),
    /// Bring the prices of models up to date.
    #[command(subcommand)]
    LlmPrices(llm_prices::PricesCommand),
    /// Look at the tools.
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// Call a tool: on the running hub, or in this process if none is running.
    Call(call::CallArgs),
    /// Serve MCP on standard input and output, for clients that start their servers: through the running hub, or one of its own.
    Stdio(stdio::StdioArgs),
    /// Print what an MCP client needs to connect, or write it into its file.
    ClientConfig(client_config::ClientConfigArgs),
    /// Print the OpenAPI document of REST.
    Openapi,
    /// Print what a shell needs to complete this program's commands.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Run the hub as a service.
    #[command(subcommand)]
    Systemd(systemd::SystemdCommand),
    /// Runs one workflow step and leaves no process behind. Started by the hub itself.
    #[command(name = crate::servers::cicd::engine::process::SUPERVISE, hide = true)]
    SuperviseStep {
        /// What the hub passes on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Takes documents apart for the knowledge base. Started by the hub itself.
    #[command(name = crate::servers::knowledge_base::engine::extract::worker::COMMAND, hide = true)]
    ExtractWorker,
}

impl Command {
    /// Whether it works beside a wrong configuration too.
    fn needs_no_settings(&self) -> bool {
        matches!(
            self,
            Self::Init | Self::Config(config::ConfigCommand::Schema)
        )
    }
}

#[derive(Debug, Subcommand)]
enum ToolsCommand {
    /// List every tool of every enabled server.
    List,
}

/// Runs the program.
pub fn main() -> ExitCode {
    // git starts its askpass with a question and nothing else, and its ssh as it would start ssh: a variable says what it is
    // started for.
    if let Some(socket) = std::env::var_os(askpass::SOCKET) {
        let question = std::env::args().nth(1).unwrap_or_default();
        let told = askpass::ask(socket.as_ref(), &question, &mut std::io::stdout());
        return told.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    if let Some(directory) = std::env::var_os(ssh::exec::DIRECTORY) {
        let error = ssh::exec::replace(directory.as_ref(), std::env::args_os().skip(1));
        out::error(&format!("ssh could not be started: {error}"));
        return ExitCode::FAILURE;
    }
    let cli = Cli::parse();
    if let Some(Command::SuperviseStep { args }) = &cli.command {
        let code = crate::servers::cicd::engine::supervisor::main(args);
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    if let Some(Command::ExtractWorker) = &cli.command {
        let code = crate::servers::knowledge_base::engine::extract::worker::main();
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    if let Some(Command::Completions { shell }) = &cli.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "syndarix", &mut script);
        let printed = out::line(String::from_utf8_lossy(&script).trim_end());
        return printed.map_or_else(|error| failed(&error, Exit::Fault), |()| ExitCode::SUCCESS);
    }
    let mut source = Source::new(cli.config);
    let settings = match source.load() {
        Ok(settings) => settings,
        Err(_) if cli.command.as_ref().is_some_and(Command::needs_no_settings) => {
            Settings::default()
        }
        Err(error) => {
            if let Some(Command::Doctor(args)) = &cli.command
                && let Err(error) = doctor::misconfigured(&error, args)
            {
                return failed(&error, Exit::Fault);
            }
            return failed(&error, Exit::Usage);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into(), Exit::Fault),
    };
    let done = runtime.block_on(run(cli.command.unwrap_or(Command::Serve), settings, source));
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, Exit::of(&error)),
    }
}

async fn run(command: Command, settings: Settings, source: Source) -> anyhow::Result<()> {
    match command {
        Command::Serve => Box::pin(serve::run(settings, source)).await,
        Command::Init => init::run(),
        Command::Config(command) => config::run(&settings, &source, command),
        Command::Project(command) => admin::project(&settings, command).await,
        Command::Agent(command) => admin::agent(&settings, command).await,
        Command::Token(command) => admin::token(&settings, command).await,
        Command::Audit(args) => audit::run(&settings, *args).await,
        Command::Doctor(args) => doctor::run(&settings, &args).await,
        Command::Backup(args) => backup::backup(&settings, args).await,
        Command::Restore(args) => backup::restore(&settings, args).await,
        Command::Migrate(args) => migrate::run(&settings, &args).await,
        Command::Openapi => openapi::run(settings).await,
        Command::Systemd(command) => systemd::run(&settings, source.path(), command),
        Command::Knowledge(command) => knowledge::run(settings, command).await,
        Command::LlmPrices(command) => llm_prices::run(&settings, command).await,
        Command::Tools(ToolsCommand::List) => tools::list(settings).await,
        Command::Call(args) => call::run(settings, args).await,
        Command::Stdio(args) => Box::pin(stdio::run(settings, source, args)).await,
        Command::ClientConfig(args) => client_config::run(&settings, source.path(), &args),
        // Handled before there is a runtime: a supervisor forks, a worker has little memory, and completions need nothing.
        Command::SuperviseStep { .. } | Command::ExtractWorker | Command::Completions { .. } => {
            Ok(())
        }
    }
}

fn failed(error: &anyhow::Error, exit: Exit) -> ExitCode {
    out::error(&format!("error: {error:#}"));
    ExitCode::from(exit as u8)
}
