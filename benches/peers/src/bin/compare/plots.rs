//! Bars, as SVG.

use std::error::Error;
use std::ops::Range;

use plotters::prelude::*;

use crate::results::Spread;

const WIDTH: u32 = 860;
const ROW: u32 = 26;
const OURS: RGBColor = RGBColor(0x1b, 0x6e, 0xc2);
const THEIRS: RGBColor = RGBColor(0xa9, 0xb4, 0xc0);

/// One bar for each server: the median, and a line from the least to the most.
pub(crate) fn bars(
    unit: &str,
    values: &[(&str, Option<Spread>)],
    bar: f64,
) -> Result<String, Box<dyn Error>> {
    let values: Vec<_> =
        values.iter().filter_map(|(name, spread)| Some((*name, (*spread)?))).collect();
    if values.is_empty() {
        return Ok(String::new());
    }
    let most = values.iter().map(|(_, spread)| spread.most).fold(bar, f64::max);
    let mut svg = String::new();
    draw(&mut svg, unit, &values, 0.0..most * 1.12, bar)?;
    Ok(svg)
}

fn draw(
    svg: &mut String,
    unit: &str,
    values: &[(&str, Spread)],
    range: Range<f64>,
    bar: f64,
) -> Result<(), Box<dyn Error>> {
    let rows = values.len();
    let root = SVGBackend::with_string(svg, (WIDTH, ROW * rows as u32 + 60)).into_drawing_area();
    let width = range.end;
    // The first row is on top, and the axis counts upwards.
    let mut chart = ChartBuilder::on(&root)
        .margin(6)
        .x_label_area_size(42)
        .y_label_area_size(190)
        .build_cartesian_2d(range, (0..rows).into_segmented())?;
    let name = |segment: &SegmentValue<usize>| match segment {
        // There is a segment more than there are rows.
        SegmentValue::CenterOf(row) if *row < rows => values[rows - 1 - row].0.to_owned(),
        _ => String::new(),
    };
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().light_line_style(TRANSPARENT).x_desc(unit).y_labels(rows);
    mesh.y_label_formatter(&name).draw()?;
    for (index, (name, spread)) in values.iter().enumerate() {
        let row = rows - 1 - index;
        let colour = if *name == "stickler" { OURS } else { THEIRS };
        let (below, above) = (SegmentValue::Exact(row), SegmentValue::Exact(row + 1));
        let mut rectangle = Rectangle::new([(0.0, below), (spread.median, above)], colour.filled());
        rectangle.set_margin(4, 4, 0, 0);
        chart.draw_series([rectangle])?;
        let middle = SegmentValue::CenterOf(row);
        let line = [(spread.least, middle.clone()), (spread.most, middle.clone())];
        chart.draw_series([PathElement::new(line, BLACK)])?;
        let place = (spread.most + width * 0.008, middle);
        let style = ("sans-serif", 13).into_font();
        chart.draw_series([Text::new(number(spread.median), place, style)])?;
    }
    let line = [(bar, SegmentValue::Exact(0)), (bar, SegmentValue::Exact(rows))];
    chart.draw_series([PathElement::new(line, RED.stroke_width(1))])?;
    root.present()?;
    Ok(())
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
        let svg = bars("ratio", &[("stickler", Some(spread)), ("gone", None)], 1.0).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("stickler") && !svg.contains("gone"));
    }
}
