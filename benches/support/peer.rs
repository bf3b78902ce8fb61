//! An MCP server of others on its standard input and output, and what its calls cost.
#![allow(clippy::disallowed_methods, reason = "a bench starts what it measures")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::process::family_cpu_us;

/// Fewest times that a call is made.
pub const TIMES: usize = 10;
/// A call is made until so much time has passed: the processor's clock ticks every 10 ms.
pub const LONG: Duration = Duration::from_secs(2);

/// The server.
pub struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    id: u64,
}

impl Peer {
    /// Starts `command`, whose words have spaces between them.
    pub fn start(command: &str) -> Self {
        let mut words = command.split(' ');
        let mut process = Command::new(words.next().unwrap())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (
            process.stdin.take().unwrap(),
            process.stdout.take().unwrap(),
        );
        let mut peer = Self {
            process,
            input,
            output: BufReader::new(output),
            id: 0,
        };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}});
        peer.ask("initialize", &hello);
        writeln!(
            peer.input,
            "{}",
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
        )
        .unwrap();
        peer
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.id += 1;
        let sent = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        writeln!(self.input, "{sent}").unwrap();
        loop {
            let mut line = String::new();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the server went away"
            );
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == self.id {
                return message;
            }
        }
    }

    /// Makes a call, which must succeed.
    pub fn call(&mut self, tool: &str, args: &Value) {
        let params = json!({"name": tool, "arguments": args});
        let answer = self.ask("tools/call", &params);
        assert!(answer["result"]["isError"] != true, "{tool}: {answer}");
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// CPU of a call, in milliseconds: of all `args` in turn, with that of the programs it starts.
    pub fn cost(&mut self, tool: &str, args: &[Value]) -> f64 {
        let params: Vec<Value> = args
            .iter()
            .map(|args| json!({"name": tool, "arguments": args}))
            .collect();
        for args in args {
            self.call(tool, args);
        }
        let (before, started) = (family_cpu_us(self.process.id()), Instant::now());
        let mut times = 0;
        while times < TIMES || started.elapsed() < LONG || times % 2 == 1 {
            self.ask("tools/call", &params[times % params.len()]);
            times += 1;
        }
        (family_cpu_us(self.process.id()) - before) / 1e3 / times as f64
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
