//! Prints one JSON line for each measured point.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Outcome, cpu::Costs, measure::Pairs};

/// A comparison: everything but its figures.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) scenario: &'static str,
    pub(crate) parameters: Value,
    /// The work of the raw side.
    pub(crate) yardstick: &'static str,
    pub(crate) unit: &'static str,
    /// Other counts.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) details: Value,
    /// The machine and the settings.
    pub(crate) notes: Value,
}

/// A figure that is not compared with anything.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) scenario: &'static str,
    pub(crate) parameters: Value,
    pub(crate) unit: &'static str,
    pub(crate) value: Value,
    pub(crate) notes: Value,
}

impl Figure {
    pub(crate) fn print(&self) {
        print(self);
    }
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    point: &'a Point,
    ours: Spread,
    raw: Spread,
    /// Ours divided by raw: the median of the ratios of all rounds.
    ratio: f64,
    rounds: usize,
    /// The processor time of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_micros: Option<Value>,
    /// The allocations of a call, if they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    allocations: Option<Value>,
    /// The share of the machine's processor time that other programs used.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<f64>,
    /// The load average at the end of the last round. Below the number of cores if nothing else ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Point {
    pub(crate) fn print(&self, pairs: &Pairs) {
        let ratios = pairs.ours.iter().zip(&pairs.raw);
        let line = Line {
            point: self,
            ours: Spread::of(&pairs.ours),
            raw: Spread::of(&pairs.raw),
            ratio: rounded(
                median(ratios.map(|(ours, raw)| ours / raw).collect()),
                1_000.0,
            ),
            rounds: pairs.ours.len(),
            cpu_micros: pairs
                .costs
                .as_ref()
                .map(|Costs { ours, raw }| json!({ "ours": ours.each(), "raw": raw.each() })),
            allocations: pairs.costs.as_ref().and_then(|Costs { ours, raw }| {
                Some(json!({ "ours": ours.allocations()?, "raw": raw.allocations()? }))
            }),
            others: pairs.costs.as_ref().and_then(Costs::other_load),
            load: load(),
        };
        print(&line);
    }
}

fn print(line: &impl Serialize) {
    match serde_json::to_string(line) {
        Ok(line) => println!("{line}"),
        Err(error) => eprintln!("a line cannot be written: {error}"),
    }
}

impl Spread {
    fn of(rates: &[f64]) -> Self {
        let all = rates.iter().copied();
        Self {
            median: rounded(median(rates.to_vec()), 10.0),
            min: rounded(all.clone().fold(f64::INFINITY, f64::min), 10.0),
            max: rounded(all.fold(0.0, f64::max), 10.0),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => f64::NAN,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(values[middle - 1], *upper),
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// The load average of the last minute, if the system reports it.
fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// The memory of this process.
pub(crate) fn resident_kilobytes() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.ok_or("the system does not report the resident memory")?;
    Ok(resident.trim_end_matches("kB").trim().parse()?)
}
