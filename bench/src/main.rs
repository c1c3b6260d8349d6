//! Measures skep's interpreter and rbpf's on the same programs, in one run.
//!
//! `cargo run --release --manifest-path bench/Cargo.toml [-- --json]`
//!
//! Prints nanoseconds of thread CPU time an instruction, medians of [`measure::ROUNDS`] rounds
//! in which both take turns. The exit status is 1 if a bound is missed. In reading order:
//! `programs` (what is run), `measure` (how), `report` (what is printed).

mod measure;
mod programs;
mod report;

use std::process::ExitCode;

use measure::Comparison;

fn main() -> ExitCode {
    let json = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--json" => true,
        _ => {
            eprintln!("expected no argument, or --json");
            return ExitCode::from(2);
        }
    };
    let results: Result<Vec<Comparison>, String> =
        programs::all().iter().map(measure::compare).collect();
    let results = match results {
        Ok(results) => results,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if json {
        println!("{}", report::json(&results));
    } else {
        print!("{}", report::table(&results));
    }
    if results.iter().all(Comparison::within_bounds) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
