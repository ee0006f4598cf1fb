//! A daemon or its twin in a process of its own, and what it costs.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

pub mod order;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The daemon's binary.
pub const DAEMON: &str = env!("CARGO_BIN_EXE_instasync");

/// A server under load.
pub struct Server {
    pub name: &'static str,
    pub child: Child,
    pub address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Server {
    /// CPU time it has used, in microseconds.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks * 10_000.0
    }

    /// Resident memory, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    }
}

/// Starts a server and waits for the address of its public listener.
pub fn start(name: &'static str, mut command: Command) -> Server {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut address = None;
    while address.is_none() {
        let line = lines.next().unwrap_or_else(|| panic!("{name} ended")).unwrap();
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["message"] == "listening" && entry["listener"] == "public" {
            address = entry["addr"].as_str().map(str::to_owned);
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    Server { name, child, address: address.unwrap() }
}

/// Writes a configuration into `folder` and gives the command with which `build` serves it.
pub fn serve(build: &Path, folder: &Path) -> Command {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("master.key"), MASTER_KEY).unwrap();
    let config = folder.join("config.toml");
    let text = format!(
        "[public]\nlisten = \"127.0.0.1:0\"\n[private]\nlisten = \"127.0.0.1:0\"\nsocket = \"{}\"\n\
         [database]\nurl = \"sqlite:{}\"\n[secrets]\nmaster_key_file = \"{}\"\n[log]\nformat = \"json\"\n",
        folder.join("private.sock").display(),
        folder.join("data/instasync.db").display(),
        folder.join("master.key").display(),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(build);
    command.arg("serve").arg("--config").arg(&config);
    command
}

/// The key of every configuration made here.
pub const MASTER_KEY: [u8; 32] = [7; 32];
