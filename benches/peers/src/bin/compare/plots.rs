//! Bars and lines, as SVG, narrow enough for a phone.

use std::error::Error;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::results::Spread;

const WIDTH: u32 = 520;
const ROW: u32 = 26;
const LABELS: u32 = 176;
const FONT: (&str, u32) = ("sans-serif", 17);
const OURS: RGBColor = RGBColor(0x1b, 0x6e, 0xc2);
const THEIRS: RGBColor = RGBColor(0x93, 0xa1, 0xb0);

/// One bar for each server: the median, and a line from the least to the most.
pub(crate) fn bars(
    unit: &str,
    values: &[(&str, Option<Spread>)],
    bar: Option<f64>,
) -> Result<String, Box<dyn Error>> {
    let values: Vec<_> =
        values.iter().filter_map(|(name, spread)| Some((*name, (*spread)?))).collect();
    if values.is_empty() {
        return Ok(String::new());
    }
    let most = values.iter().map(|(_, spread)| spread.most).fold(bar.unwrap_or(0.0), f64::max);
    let mut svg = String::new();
    draw(&mut svg, unit, &values, most * 1.2, bar)?;
    Ok(svg)
}

fn draw(
    svg: &mut String,
    unit: &str,
    values: &[(&str, Spread)],
    width: f64,
    bar: Option<f64>,
) -> Result<(), Box<dyn Error>> {
    let rows = values.len();
    let root = SVGBackend::with_string(svg, (WIDTH, ROW * rows as u32 + 60)).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(6)
        .x_label_area_size(48)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0.0..width, 0.0..rows as f64)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().light_line_style(TRANSPARENT).x_desc(unit).x_labels(5).y_labels(0);
    mesh.label_style(FONT).axis_desc_style(FONT).draw()?;
    let style = TextStyle::from(FONT.into_font());
    let beside = style.pos(Pos::new(HPos::Left, VPos::Center));
    let before = style.pos(Pos::new(HPos::Right, VPos::Center));
    for (index, (name, spread)) in values.iter().enumerate() {
        // The first one is on top, and the axis counts upwards.
        let below = (rows - 1 - index) as f64;
        let (from, to) = ((0.0, below + 0.15), (spread.median, below + 0.85));
        chart.draw_series([Rectangle::new([from, to], colour_of(name).filled())])?;
        let middle = below + 0.5;
        let line = [(spread.least, middle), (spread.most, middle)];
        chart.draw_series([PathElement::new(line, BLACK)])?;
        let mut place = spread.most + width * 0.01;
        // Not on the line of the bar.
        if let Some(bar) =
            bar.filter(|bar| (place - width * 0.01..place + width * 0.14).contains(bar))
        {
            place = bar + width * 0.01;
        }
        chart.draw_series([Text::new(number(spread.median), (place, middle), beside.clone())])?;
        let (x, y) = chart.plotting_area().map_coordinate(&(0.0, middle));
        root.draw(&Text::new((*name).to_owned(), (x - 8, y), before.clone()))?;
    }
    if let Some(bar) = bar {
        let line = [(bar, 0.0), (bar, rows as f64)];
        chart.draw_series([PathElement::new(line, RED.stroke_width(1))])?;
    }
    root.present()?;
    Ok(())
}

/// A line for each server over the numbers of connections, with the spread at each.
pub(crate) fn lines(
    unit: &str,
    series: &[(&str, Vec<(usize, Spread)>)],
) -> Result<String, Box<dyn Error>> {
    let points = || series.iter().flat_map(|(_, points)| points);
    let (Some(least), Some(most)) = (points().map(|p| p.0).min(), points().map(|p| p.0).max())
    else {
        return Ok(String::new());
    };
    let top = points().map(|(_, spread)| spread.most).fold(0.0, f64::max) * 1.2;
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (WIDTH, 320)).into_drawing_area();
    let range = (least as f64 * 0.8..most as f64 * 1.25).log_scale();
    let mut chart = ChartBuilder::on(&root)
        .margin(8)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(range, 0.0..top)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).x_desc("connections").y_desc(unit).y_labels(6);
    let whole = |connections: &f64| format!("{connections:.0}");
    mesh.x_label_formatter(&whole).label_style(FONT).axis_desc_style(FONT).draw()?;
    for (index, (name, points)) in series.iter().enumerate() {
        let colour = colour_of(name);
        let line = points.iter().map(|&(connections, spread)| (connections as f64, spread.median));
        let line: Vec<_> = line.collect();
        for (&place, (_, spread)) in line.iter().zip(points) {
            let whisker = [(place.0, spread.least), (place.0, spread.most)];
            chart.draw_series([PathElement::new(whisker, colour.stroke_width(1))])?;
            chart.draw_series([Circle::new(place, 3, colour.filled())])?;
        }
        chart.draw_series([PathElement::new(line, colour.stroke_width(2))])?;
        let legend = (least as f64, top * (0.1 + 0.09 * index as f64));
        chart.draw_series([Text::new(
            (*name).to_owned(),
            legend,
            FONT.into_font().color(&colour),
        )])?;
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(svg)
}

fn colour_of(name: &str) -> RGBColor {
    if name.starts_with("stickler") { OURS } else { THEIRS }
}

fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_names_its_servers() {
        let spread = Spread { median: 1.5, least: 1.0, most: 2.0 };
        let svg = bars("ratio", &[("stickler", Some(spread)), ("gone", None)], Some(1.0)).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("stickler") && !svg.contains("gone"));
    }

    #[test]
    fn lines_have_a_point_for_each_number_of_connections() {
        let spread = Spread { median: 1.5, least: 1.0, most: 2.0 };
        let series = [("stickler", vec![(10, spread), (100, spread), (1000, spread)])];
        let svg = lines("µs", &series).unwrap();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(lines("µs", &[]).unwrap(), "");
    }
}
