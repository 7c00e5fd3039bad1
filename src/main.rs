//! The binary: parse, run, exit.

fn main() -> std::process::ExitCode {
    let code = lastbell::cli::run(std::env::args_os());
    std::process::ExitCode::from(u8::try_from(code).unwrap_or(70))
}
