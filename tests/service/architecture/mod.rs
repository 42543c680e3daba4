//! The architecture, checked on parsed sources (`docs/architecture.md`): imports between slices and inside each go
//! down only, and a slice's SQL names only tables and functions of its own and of slices below it.

mod enums;
mod imports;
mod sources;
mod tables;

/// The slices by layer, lowest first. Slices of one layer do not know each other.
pub const LAYERS: [&[&str]; 13] = [
    &["error", "config", "telemetry"],
    &["kernel"],
    &["mail"],
    &["organizers"],
    &["people"],
    &["campaigns"],
    &["actions"],
    &["letters"],
    &["petitions", "events", "calls"],
    &["exports", "broadcasts", "landing"],
    &["console"],
    &["app", "worker"],
    &["demo", "checks", "backup", "cli"],
];

/// The two upper layers put the service together; their modules may use each other.
const COMPOSITION: [&str; 6] = ["app", "worker", "demo", "checks", "backup", "cli"];

/// The layer of a slice, from 0.
pub fn layer(slice: &str) -> Option<usize> {
    LAYERS.iter().position(|slices| slices.contains(&slice))
}

/// May code of one slice use another?
pub fn may_use(slice: &str, other: &str) -> bool {
    if slice == other {
        return true;
    }
    let (Some(own), Some(others)) = (layer(slice), layer(other)) else { return true };
    others < own || others == 0 && own == 0 || COMPOSITION.contains(&slice) && COMPOSITION.contains(&other)
}
