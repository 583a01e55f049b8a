//! A folder with a data directory, and the binary run in it.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Desk {
    folder: tempfile::TempDir,
}

/// What a command came to.
pub struct Told {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|why| panic!("{why}: {}\n{}", self.out, self.err))
    }

    /// Asserts the exit status and that standard error says all of this.
    #[track_caller]
    pub fn is(self, status: i32, says: &[&str]) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.out, self.err);
        for text in says {
            assert!(self.err.contains(text), "`{text}` is missing in: {}", self.err);
        }
        self
    }
}

/// A server; SIGKILL at the latest when it is dropped.
pub struct Server {
    pub child: Child,
    pub endpoint: String,
}

impl Server {
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; returns the exit status.
    pub fn stop(&mut self) -> i32 {
        signal(self.child.id(), "TERM");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn signal(pid: u32, name: &str) {
    let told = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(told.success());
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path(".tenure")
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("TENURE_DATA")
            .env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Told {
        let told = self.command(args).output().unwrap();
        Told {
            status: told.status.code().unwrap_or(-1),
            out: String::from_utf8(told.stdout).unwrap(),
            err: String::from_utf8(told.stderr).unwrap(),
        }
    }

    /// Starts a server and waits for its first line.
    pub fn serve(&self) -> Server {
        self.serve_with(&["--listen", "127.0.0.1:0"])
    }

    /// The same with other options.
    pub fn serve_with(&self, options: &[&str]) -> Server {
        Self::started(self.command(&[&["serve", "--json"], options].concat()))
    }

    /// Waits for the first line of a command that serves.
    pub fn started(mut command: Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let told: Value = serde_json::from_str(&first).unwrap();
        Server { child, endpoint: told["listening"].as_str().unwrap().to_owned() }
    }

    /// Writes an agent whose model says this, turn by turn.
    pub fn agent(&self, extra: &str, script: &str) {
        let definition = format!(
            "name = \"clerk\"\n{extra}\n[model]\nadapter = \"scripted\"\nfile = \"script.toml\"\n\
             [[tools]]\nuse = \"list_files\"\n[[tools]]\nuse = \"write_file\"\nconfirm = {{}}\n\
             [[tools]]\nuse = \"ask_human\"\n"
        );
        self.write("agent.toml", &definition);
        self.write("script.toml", script);
    }

    /// Submits the agent's task and follows it, answering as JSON.
    pub fn work(&self) -> Told {
        self.run(&["run", "-a", "agent.toml", "do it", "--json"])
    }
}

/// A client of a server under test, which speaks no TLS.
pub fn client() -> reqwest::Client {
    // a second one in the same process is refused, and means the same
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A text field, or a panic that shows the whole.
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value:#}")).to_owned()
}

/// Longer than anything here takes; nothing waits for it unless something is wrong.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks until there is something to see, or panics and says what there was not.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::yield_now();
    }
}

pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// A script that says one thing.
pub const HELLO: &str = "[[turn]]\ntext = \"hello\"\n";
