// A step in Rust: registers a secret, hands an output on, starts a job, tells a finding. No crate is needed.
use std::io::{Error, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::{env, fs::OpenOptions};

/// Returns when the value is masked in all output that follows, or why it is not.
fn register(value: &str) -> Result<()> {
    let path = env::var("REACTORCIDE_SECRETS_SOCKET").map_err(Error::other)?;
    let body = format!("{{\"action\": \"register\", \"secrets\": [{}]}}", json(value));
    let mut socket = UnixStream::connect(path)?;
    socket.write_all(&(body.len() as u32).to_be_bytes())?;
    socket.write_all(body.as_bytes())?;
    let mut reply = String::new();
    socket.read_to_string(&mut reply)?;
    match reply.contains("\"masked\": 1") {
        true => Ok(()),
        false => Err(Error::other(format!("not masked: {}", reply.trim()))),
    }
}

/// A text as JSON writes it.
fn json(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|one| match one {
            '"' | '\\' => format!("\\{one}"),
            '\0'..='\x1f' => format!("\\u{:04x}", one as u32),
            _ => one.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn add(variable: &str, line: &str) -> Result<()> {
    let path = env::var(variable).map_err(Error::other)?;
    writeln!(OpenOptions::new().append(true).create(true).open(path)?, "{line}")
}

fn main() -> Result<()> {
    let token = String::from("rust-") + "Kq7vZx9wPf3mBn";
    register(&token)?;
    println!("deploying with {token}");
    add("RUNNERLIB_OUTPUT", "version=1.2")?;
    add("RUNNERLIB_TRIGGERS", r#"{"job_name": "smoke", "env": {"TARGET": "rust"}}"#)?;
    println!("deploy.yaml:3:7: warning: no health check"); // in gcc's form, for `problem_matchers: [gcc]`
    Ok(())
}
