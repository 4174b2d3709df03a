//! Checks the rules, and settings that are valid and rarely meant for a game with players.

use market::SourceKind;

use super::finding::DoctorFinding;
use crate::boot::config::{Config, load_rules, rule_warnings};
use crate::term;

const AREA: &str = "configuration";

pub(super) fn check(config: &Config) -> Vec<DoctorFinding> {
    let rules = match load_rules(&config.game.rules) {
        Ok(rules) => rules,
        Err(error) => {
            let remedy = "correct the file that game.rules names";
            return vec![DoctorFinding::error(AREA, term::error_chain(&error), remedy)];
        }
    };
    let mut findings = vec![DoctorFinding::ok(AREA, "configuration and rules are valid")];
    findings.extend(rule_warnings(&rules).into_iter().map(|warning| {
        DoctorFinding::warning(AREA, warning, "change the rule if that is not meant")
    }));
    if !config.limits.enabled {
        let what = "limits.enabled is false: passwords can be tried without limit";
        findings.push(DoctorFinding::warning(AREA, what, "delete the setting; it is for tests"));
    }
    let seed = match config.market.source {
        SourceKind::Replay => config.market.replay.seed,
        SourceKind::Simulated => config.market.simulated.seed,
        SourceKind::Fixed | SourceKind::Live => 0,
    };
    if seed != 0 {
        let what = "the seed of the market is a number, from which players can compute prices";
        findings.push(DoctorFinding::warning(
            AREA,
            what,
            "delete the setting; a secret seed is drawn",
        ));
    }
    findings
}
