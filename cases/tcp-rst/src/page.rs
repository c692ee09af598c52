//! Request to view, both JSON, for the page of the post: what a path does to a connection that falls silent.

use serde_json::{Value, json};

use crate::facts::flow::Side;
use crate::facts::timer::{Limit, Micros};
use crate::model::path::{
    Choice, Hop, Kind, Outcome, Path, Probing, Set, State, Tracker, Traffic, Translation, Treatment, Who, predict,
};

/// `{"timer_s": 350, "quiet_s": 43200, "speaks_first": "client", "loose": true, "translation": "server", "backends": 2}` to
/// who resets whom, when and how likely.
pub fn view(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    match (request["timer_s"].as_u64(), request["quiet_s"].as_u64()) {
        (Some(timer), Some(quiet)) => answer(&request, timer, quiet).to_string(),
        _ => json!({ "error": "timer_s and quiet_s are whole numbers of seconds" }).to_string(),
    }
}

fn answer(request: &Value, timer_s: u64, quiet_s: u64) -> Value {
    let backends = request["backends"].as_u64().and_then(|backends| u32::try_from(backends).ok()).unwrap_or(1);
    let choice = if backends > 1 { Choice::among(backends) } else { Choice::Same };
    let translation = match request["translation"].as_str() {
        Some("server") => Translation::Server { choice, own_address: Some(true) },
        Some("client") => Translation::Client { new_port: request["new_port"].as_bool().unwrap_or(false) },
        Some("ipvs") => Translation::Ipvs { choice, sloppy: request["sloppy"].as_bool().unwrap_or(false) },
        _ => Translation::None,
    };
    let treatment = match request["rules"].as_str() {
        Some("drop") => Treatment::Drop,
        Some("reset") => Treatment::Reset,
        _ => Treatment::Accept,
    };
    let tracker = Tracker {
        established: Set::default_of(Limit::After(Micros::seconds(timer_s))),
        timer: "timer".to_owned(),
        others: Vec::new(),
        loose: Set::default_of(request["loose"].as_bool().unwrap_or(true)),
        translation: Set::default_of(translation),
        client_invalid: Set::default_of(treatment),
        client_new: Set::default_of(Treatment::Accept),
        server_invalid: Set::default_of(treatment),
        server_new: Set::default_of(Treatment::Accept),
    };
    let path = Path {
        name: String::new(),
        hops: vec![Hop { name: "router".to_owned(), kind: Kind::Tracker(tracker) }],
        client: Probing::Off,
        server: Probing::Off,
    };
    let server = request["speaks_first"].as_str() == Some("server");
    let speaks_first = if server { Side::Server } else { Side::Client };
    let prediction =
        predict(&path, Traffic { quiet: Micros::seconds(quiet_s), speaks_first, state: State::Established });
    let Some(death) = prediction.death else {
        return json!({ "dies": false, "notes": prediction.notes });
    };
    let fates = death.fates.iter().map(|fate| {
        let (what, by, to) = match fate.outcome {
            Outcome::Survives => ("survives", None, None),
            Outcome::Reset { by, to, .. } => ("reset", Some(who(by)), Some(who(to))),
            Outcome::BlackHole { by } => ("black hole", by.map(who), None),
            Outcome::AnswerLost => ("answer lost", None, None),
            Outcome::Unknown => ("unknown", None, None),
        };
        json!({ "chance": fate.chance, "if": fate.only_if, "what": what, "by": by, "to": to, "because": fate.because })
    });
    json!({ "dies": true, "expires_s": timer_s, "at_s": quiet_s, "fates": fates.collect::<Vec<_>>() })
}

fn who(who: Who) -> &'static str {
    match who {
        Who::Client => "client",
        Who::Server => "server",
        Who::OtherBackend => "another backend",
        Who::Hop(_) => "router",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_runs_the_model() {
        let two = "{\"timer_s\": 4, \"quiet_s\": 7, \"translation\": \"server\", \"backends\": 2}";
        let answer: Value = serde_json::from_str(&view(two)).unwrap();
        assert_eq!(answer["fates"][0]["by"], "another backend");
        assert_eq!(answer["fates"][0]["chance"], 0.5);
        let short = "{\"timer_s\": 4, \"quiet_s\": 3}";
        assert!(view(short).contains("\"dies\":false"));
        assert!(view("x").contains("error"));
    }
}
