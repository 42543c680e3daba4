//! The chart of a campaign's figures over time: one panel for each series, with gaps where there are no figures.

use chrono::{Datelike, NaiveDate};
use plotters::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Days of a series from which its axis names months and no days.
const MONTHS_FROM: i32 = 365;

#[derive(Debug, Deserialize)]
struct Figure {
    series: String,
    value: f64,
    #[serde(default)]
    unit: String,
}

/// Figures of one kind, by day.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    name: String,
    unit: String,
    points: Vec<(NaiveDate, f64)>,
}

/// Draws series as SVG, one panel for each; empty when there is none.
pub(super) fn draw(series: &[Series]) -> String {
    if series.is_empty() {
        return String::new();
    }
    let mut svg = String::new();
    let height = 220 * u32::try_from(series.len()).unwrap_or(1);
    {
        let area = SVGBackend::with_string(&mut svg, (640, height)).into_drawing_area();
        for (panel, one) in area.split_evenly((series.len(), 1)).iter().zip(series) {
            if let Err(error) = draw_panel(panel, one) {
                tracing::warn!(event = "chart.failed", %error, "a chart could not be drawn");
                return String::new();
            }
        }
        // once for all panels: it closes the picture
        if let Err(error) = area.present() {
            tracing::warn!(event = "chart.failed", %error, "a chart could not be drawn");
            return String::new();
        }
    }
    // plotters writes a fixed size; the page scales it
    let label = series.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
    let label = label.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    svg.replacen(&format!("width=\"640\" height=\"{height}\""), &format!("role=\"img\" aria-label=\"{label}\""), 1)
}

/// The series among the figures of updates, each with the day on which it happened; at most six, of two points or more.
pub(super) fn gather<'a>(updates: impl IntoIterator<Item = (NaiveDate, &'a Value)>) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::new();
    for (day, figures) in updates {
        for figure in Vec::<Figure>::deserialize(figures).unwrap_or_default() {
            let at = if let Some(at) = series.iter().position(|s| s.name == figure.series) {
                at
            } else {
                series.push(Series { name: figure.series, unit: figure.unit, points: Vec::new() });
                series.len() - 1
            };
            series[at].points.push((day, figure.value));
        }
    }
    series.retain_mut(|s| {
        s.points.sort_by_key(|(day, _)| *day);
        s.points.len() > 1
    });
    series.truncate(6);
    series
}

/// The points in runs without a gap: more than three times the usual distance between two.
fn runs(points: &[(i32, f64)]) -> Vec<&[(i32, f64)]> {
    let mut distances: Vec<i32> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(1).max(1);
    points.chunk_by(|a, b| b.0 - a.0 <= usual * 3).collect()
}

fn draw_panel<DB: DrawingBackend>(
    panel: &DrawingArea<DB, plotters::coord::Shift>,
    series: &Series,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let days = |day: NaiveDate| day.num_days_from_ce();
    let (first, last) =
        (days(series.points[0].0), days(series.points[series.points.len() - 1].0).max(days(series.points[0].0) + 1));
    let top = series.points.iter().map(|(_, v)| *v).fold(1.0_f64, f64::max) * 1.1;
    let margin = ((last - first) / 20).max(1);
    let caption =
        if series.unit.is_empty() { series.name.clone() } else { format!("{} ({})", series.name, series.unit) };
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .caption(caption, ("sans-serif", 16))
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d((first - margin)..(last + margin), 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(5)
        .y_labels(4)
        .x_label_formatter(&|day| {
            // within some months the day tells labels apart
            let format = if last - first > MONTHS_FROM { "%Y-%m" } else { "%Y-%m-%d" };
            NaiveDate::from_num_days_from_ce_opt(*day).map(|d| d.format(format).to_string()).unwrap_or_default()
        })
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    let color = RGBColor(0x8c, 0x14, 0x58);
    let points = || series.points.iter().map(|(day, value)| (days(*day), *value));
    // a line connects neighbouring points; it is interrupted where there are no figures for a long time
    let known: Vec<(i32, f64)> = points().collect();
    for run in runs(&known) {
        chart.draw_series(LineSeries::new(run.iter().copied(), color.mix(0.4).stroke_width(1)))?;
    }
    chart.draw_series(points().map(|point| Circle::new(point, 5, color.filled())))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_panels_stand_in_one_picture() {
        let figures =
            |day: u32| serde_json::json!([{"series": "Score", "value": 500}, {"series": "Invitations", "value": day}]);
        let updates = [1, 15, 29].map(|day| (NaiveDate::from_ymd_opt(2026, 3, day).unwrap(), figures(day)));
        let svg = draw(&gather(updates.iter().map(|(day, figures)| (*day, figures))));
        assert_eq!((svg.matches("<svg").count(), svg.matches("</svg>").count()), (1, 1));
        assert!(svg.trim_end().ends_with("</svg>") && svg.contains("Score") && svg.contains("Invitations"), "{svg}");
        assert!(svg.contains("2026-03-"), "the axis tells days apart: {svg}");
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known_for_long() {
        let points = [(0, 1.0), (14, 2.0), (28, 3.0), (200, 4.0), (214, 5.0)];
        assert_eq!(runs(&points).iter().map(|run| run.len()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(runs(&points[..1]).len(), 1);
    }
}
