//! The chart of a campaign's figures over time: one panel for each series, with gaps where there are no figures.

use chrono::{Datelike, NaiveDate};
use plotters::prelude::*;
use serde::Deserialize;

use super::store::UpdateRow;

#[derive(Deserialize)]
struct Figure {
    series: String,
    value: f64,
    #[serde(default)]
    unit: String,
}

struct Series {
    name: String,
    unit: String,
    points: Vec<(NaiveDate, f64)>,
}

/// Draws the figures of updates as SVG, one panel for each series; empty when no series has two points.
pub(super) fn draw(updates: &[UpdateRow]) -> String {
    let series = gather(updates);
    if series.is_empty() {
        return String::new();
    }
    let mut svg = String::new();
    let height = 220 * u32::try_from(series.len()).unwrap_or(1);
    {
        let area = SVGBackend::with_string(&mut svg, (640, height)).into_drawing_area();
        for (panel, one) in area.split_evenly((series.len(), 1)).iter().zip(&series) {
            if let Err(error) = draw_panel(panel, one) {
                tracing::warn!(event = "chart.failed", %error, "a chart could not be drawn");
                return String::new();
            }
        }
    }
    // plotters writes a fixed size; the page scales it
    let label = series.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
    let label = label.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    svg.replacen(
        &format!("width=\"640\" height=\"{height}\""),
        &format!("class=\"chart\" role=\"img\" aria-label=\"{label}\""),
        1,
    )
}

fn gather(updates: &[UpdateRow]) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::new();
    for update in updates {
        for figure in serde_json::from_value::<Vec<Figure>>(update.figures.clone()).unwrap_or_default() {
            let at = if let Some(at) = series.iter().position(|s| s.name == figure.series) {
                at
            } else {
                series.push(Series { name: figure.series, unit: figure.unit, points: Vec::new() });
                series.len() - 1
            };
            series[at].points.push((update.happened_on, figure.value));
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
        .x_labels(6)
        .y_labels(4)
        .x_label_formatter(&|day| {
            NaiveDate::from_num_days_from_ce_opt(*day).map(|d| d.format("%Y-%m").to_string()).unwrap_or_default()
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
    panel.present()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_nothing_is_known_for_long() {
        let points = [(0, 1.0), (14, 2.0), (28, 3.0), (200, 4.0), (214, 5.0)];
        assert_eq!(runs(&points).iter().map(|run| run.len()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(runs(&points[..1]).len(), 1);
    }
}
