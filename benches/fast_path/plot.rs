//! Draws what `scale` measured, in the look of `docs/pipeline.svg`: two panels over the number of series.

use crate::scale::Figures;

/// What was measured of one load, and what it is called.
pub(crate) type Curve<'a, const N: usize> = (&'a str, [Figures; N]);

/// The picture: nanoseconds of a sample on the left, those of a flush for each series on the right, where every point
/// also says how long the whole flush took.
pub(crate) fn drawn<const N: usize>(curves: &[Curve<'_, N>; 2]) -> String {
    let left = Panel::new(LEFT, curves, |row| row.sample);
    let right = Panel::new(RIGHT, curves, Figures::flush_a_series);
    let mut drawing = Drawing(head(curves));
    left.frame(&mut drawing, "a sample, ns");
    right.frame(&mut drawing, "a flush, ns a series; beside the points all of it");
    for (((name, rows), colour), number) in curves.iter().zip(COLOURS).zip(0u8..) {
        let points = right.points(rows, Figures::flush_a_series);
        // The upper line says it above itself, the lower one below.
        let beside = if number == 0 { -10.0 } else { 20.0 };
        for (row, (x, y)) in rows.iter().zip(&points) {
            drawing.text((*x, y + beside), Anchor::Middle, colour, &milliseconds(row.flush()));
        }
        drawing.curve(&points, colour);
        drawing.curve(&left.points(rows, |row| row.sample), colour);
        let start = LEFT + 480.0 * f64::from(number);
        drawing.line(&format!("M{start} 374 h24"), colour, 2.4);
        drawing.text((start + 32.0, 378.0), Anchor::Start, INK, name);
    }
    drawing.0 + "</svg>\n"
}

/// Where one panel stands, and how far it reaches.
struct Panel {
    left: f64,
    /// Where there are figures, ascending.
    series: Vec<u64>,
    /// Between the lines of the grid, of which there are `STEPS` above 0.
    step: f64,
}

impl Panel {
    fn new<const N: usize>(left: f64, curves: &[Curve<'_, N>], of: impl Fn(&Figures) -> f64) -> Panel {
        let highest = curves.iter().flat_map(|(_, rows)| rows).map(of).fold(0.0, f64::max);
        let series = curves[0].1.iter().map(|row| row.series).collect();
        Panel { left, series, step: round_up(highest * ROOM / f64::from(STEPS)) }
    }

    /// Logarithmic.
    fn x(&self, series: u64) -> f64 {
        let [least, most] = [self.series[0], self.series[self.series.len() - 1]].map(|end| (end as f64).ln());
        let share = ((series as f64).ln() - least) / (most - least);
        self.left + MARGIN + (WIDTH - 2.0 * MARGIN) * share
    }

    fn y(&self, figure: f64) -> f64 {
        BOTTOM - HEIGHT * figure / (self.step * f64::from(STEPS))
    }

    fn points(&self, rows: &[Figures], of: impl Fn(&Figures) -> f64) -> Vec<(f64, f64)> {
        rows.iter().map(|row| (self.x(row.series), self.y(of(row)))).collect()
    }

    fn frame(&self, drawing: &mut Drawing, title: &str) {
        drawing.text((self.left, BOTTOM - HEIGHT - 16.0), Anchor::Start, INK, title);
        for number in 0..=STEPS {
            let figure = self.step * f64::from(number);
            let y = self.y(figure);
            drawing.line(&format!("M{} {y:.1} h{WIDTH}", self.left), GRID, 1.0);
            drawing.text((self.left - 8.0, y + 4.0), Anchor::End, GREY, &figure.to_string());
        }
        for &series in &self.series {
            let place = (self.x(series), BOTTOM + 20.0);
            drawing.text(place, Anchor::Middle, GREY, &thousands(series));
        }
    }
}

/// The SVG so far.
struct Drawing(String);

#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Drawing {
    fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, colour: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.0 += &format!(
            "  <text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"12\" fill=\"{colour}\" text-anchor=\"{anchor}\">{text}</text>\n"
        );
    }

    fn line(&mut self, path: &str, colour: &str, width: f64) {
        self.0 +=
            &format!("  <path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\n");
    }

    fn curve(&mut self, points: &[(f64, f64)], colour: &str) {
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        self.line(&format!("M{}", path.join(" L")), colour, 2.4);
        for (x, y) in points {
            self.0 += &format!("  <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\n");
        }
    }
}

/// Everything before the panels; who cannot see them is told the ends of the curves.
fn head<const N: usize>(curves: &[Curve<'_, N>]) -> String {
    let ends = |(name, rows): &Curve<'_, N>| {
        let (first, last) = (&rows[0], &rows[N - 1]);
        format!(
            "{name}, from {} to {} series: {:.0} to {:.0} ns a sample, {:.0} to {:.0} ns a series at a flush.",
            thousands(first.series),
            thousands(last.series),
            first.sample,
            last.sample,
            first.flush_a_series(),
            last.flush_a_series(),
        )
    };
    let ends: Vec<String> = curves.iter().map(ends).collect();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 400" role="img" aria-labelledby="title text" font-family="-apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif">
  <title id="title">CPU time of a sample and of a flush over the number of series</title>
  <desc id="text">{}</desc>
  <!-- A ground of its own keeps the picture readable on a light and on a dark page. -->
  <rect x="1" y="1" width="958" height="398" rx="10" fill="#ffffff" stroke="#d0d7de"/>
  <text x="24" y="34" font-size="14" font-weight="600" fill="{GREY}">CPU time over the number of series, one thread</text>
"##,
        ends.join(" ")
    )
}

/// The next number that is short to write.
fn round_up(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    SHORT.map(|first| first * power).into_iter().find(|short| *short >= number).unwrap_or(number)
}

fn thousands(number: u64) -> String {
    match number {
        1_000_000.. => format!("{}M", number / 1_000_000),
        _ => format!("{}k", number / 1000),
    }
}

fn milliseconds(number: f64) -> String {
    match number {
        1000.0.. => format!("{:.1} s", number / 1000.0),
        10.0.. => format!("{number:.0} ms"),
        _ => format!("{number:.1} ms"),
    }
}

/// Left edges of the panels.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 544.0;
const WIDTH: f64 = 384.0;
/// Between the edges of a panel and its first and last point.
const MARGIN: f64 = 24.0;
const BOTTOM: f64 = 324.0;
const HEIGHT: f64 = 240.0;
const STEPS: u8 = 5;
/// What numbers that are short to write begin with.
const SHORT: [f64; 9] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 10.0];
/// Above the highest point, for what stands beside it.
const ROOM: f64 = 1.1;

const COLOURS: [&str; 2] = ["#0969da", "#1a7f37"];
const INK: &str = "#24292f";
const GREY: &str = "#57606a";
const GRID: &str = "#d0d7de";
