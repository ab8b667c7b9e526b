//! What the live view looks like: figures in, cells out. Knows no terminal and no clock.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Sparkline, Widget};

/// Lines of the view.
pub const HEIGHT: u16 = 14;
/// So many names are shown.
pub const MOST_ROWS: usize = 5;
/// So many kinds of failures are shown.
pub const MOST_ERRORS: usize = 2;
/// So many seconds the sparkline remembers.
pub const SERIES_S: usize = 240;

const GAUGE_WIDTH: usize = 16;
const FIGURES_WIDTH: usize = 63;

const LABEL: Style = Style::new().fg(Color::DarkGray);
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const LINE: Style = Style::new().fg(Color::Cyan);

/// Everything that is shown.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub title: String,
    /// The runner's state: spawning, running...
    pub state: String,
    pub elapsed_s: u64,
    pub run_time_s: Option<u64>,
    pub users: u64,
    pub target_users: u64,
    pub requests: u64,
    pub failures: u64,
    pub rps: f64,
    pub failures_per_s: f64,
    /// Median, p95, p99 and the largest, of the last seconds.
    pub percentiles_us: Vec<u64>,
    /// Requests of past seconds, oldest first.
    pub series: Vec<u64>,
    /// The busiest names.
    pub rows: Vec<ViewRow>,
    /// How many names there are.
    pub names: usize,
    /// The most frequent failures: how often, and what.
    pub errors: Vec<(u64, String)>,
    /// How many kinds of failures there are.
    pub error_kinds: usize,
    pub generator: String,
    pub generator_is_limit: bool,
    pub thresholds: Vec<ViewThreshold>,
}

/// One name.
#[derive(Debug, Clone, Default)]
pub struct ViewRow {
    pub method: String,
    pub name: String,
    pub requests: u64,
    pub failures: u64,
    pub rps: f64,
    /// Median, p95 and p99 of the whole run.
    pub percentiles_us: Vec<u64>,
}

/// One condition under which the test fails.
#[derive(Debug, Clone, Default)]
pub struct ViewThreshold {
    pub condition: String,
    pub holds: bool,
    pub value: Option<String>,
}

impl View {
    /// Draw it from the top of `area`, which is at least `HEIGHT` lines high.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let mut y = area.y;
        let mut put = |line: Line<'_>, buffer: &mut Buffer| {
            buffer.set_line(area.x, y, &line, area.width);
            y += 1;
        };
        put(self.title_line(usize::from(area.width)), buffer);
        put(self.progress(), buffer);
        put(self.rates(), buffer);
        put(self.response_times(), buffer);
        self.draw_sparkline(area, area.y + 2, buffer);
        put(Self::heading(usize::from(area.width)), buffer);
        for index in 0..MOST_ROWS {
            let line = self.rows.get(index).map(|row| row_line(row, usize::from(area.width)));
            put(line.unwrap_or_default(), buffer);
        }
        for index in 0..MOST_ERRORS {
            put(self.error(index), buffer);
        }
        put(self.health(), buffer);
        put(self.judgement(), buffer);
    }

    fn title_line(&self, width: usize) -> Line<'static> {
        let title = format!(" {} ", shortened(&self.title, width.saturating_sub(24)));
        let state = format!(" {} ", self.state);
        let rule = width.saturating_sub(title.chars().count() + state.chars().count() + 4);
        Line::from(vec![
            Span::styled("──", LINE),
            Span::styled(title, STRONG),
            Span::styled("─".repeat(rule), LINE),
            Span::styled(state, if self.state == "running" { GOOD } else { STRONG }),
            Span::styled("──", LINE),
        ])
    }

    fn progress(&self) -> Line<'static> {
        let mut spans = vec![label("time"), Span::styled(clock(self.elapsed_s), STRONG)];
        if let Some(run_time_s) = self.run_time_s.filter(|seconds| *seconds > 0) {
            spans.push(Span::raw(format!(" of {} ", clock(run_time_s))));
            spans.extend(gauge(self.elapsed_s as f64 / run_time_s as f64));
        }
        spans.push(Span::raw("   "));
        spans.push(Span::styled("users ", LABEL));
        spans.push(Span::styled(grouped(self.users), STRONG));
        if self.target_users != self.users || self.state == "spawning" {
            spans.push(Span::raw(format!(" of {} ", grouped(self.target_users))));
            spans.extend(gauge(self.users as f64 / self.target_users.max(1) as f64));
        }
        Line::from(spans)
    }

    fn rates(&self) -> Line<'static> {
        Line::from(vec![
            label("req/s"),
            Span::styled(format!("{:<12}", rate(self.rps)), STRONG),
            Span::styled("requests ", LABEL),
            Span::raw(grouped(self.requests)),
        ])
    }

    fn response_times(&self) -> Line<'static> {
        let failed = share(self.failures, self.requests);
        let mut spans = vec![label("fails/s")];
        spans.push(Span::styled(
            format!("{:<12}", rate(self.failures_per_s)),
            if self.failures > 0 { BAD } else { GOOD },
        ));
        spans.push(Span::styled("failures ", LABEL));
        spans.push(Span::raw(format!("{} ({failed})", grouped(self.failures))));
        for (name, value) in ["p50", "p95", "p99", "max"].iter().zip(&self.percentiles_us) {
            spans.push(Span::styled(format!("  {name} "), LABEL));
            spans.push(Span::styled(time(*value), STRONG));
        }
        Line::from(spans)
    }

    /// To the right of the rates, as wide as there is room.
    fn draw_sparkline(&self, area: Rect, y: u16, buffer: &mut Buffer) {
        let left = 42.min(area.width);
        let place = Rect { x: area.x + left, y, width: area.width - left, height: 1 };
        let shown = &self.series[self.series.len().saturating_sub(usize::from(place.width))..];
        Sparkline::default().data(shown.iter().copied()).style(LINE).render(place, buffer);
    }

    fn heading(width: usize) -> Line<'static> {
        let name_width = width.saturating_sub(FIGURES_WIDTH);
        let figures = format!(
            "{:<name_width$} {:>10} {:>15} {:>8} {:>8} {:>8} {:>8}",
            "busiest", "requests", "failures", "req/s", "p50", "p95", "p99"
        );
        Line::styled(figures, LABEL.add_modifier(Modifier::UNDERLINED))
    }

    fn error(&self, index: usize) -> Line<'static> {
        let Some((count, text)) = self.errors.get(index) else { return Line::default() };
        let more = self.error_kinds.saturating_sub(self.errors.len());
        let more =
            if index + 1 == self.errors.len() && more > 0 { format!(" (and {more} more)") } else { String::new() };
        let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        Line::from(vec![Span::styled(format!("{:>7} × ", grouped(*count)), BAD), Span::raw(format!("{text}{more}"))])
    }

    fn health(&self) -> Line<'static> {
        let style = if self.generator_is_limit { BAD } else { Style::new() };
        Line::from(vec![Span::styled("generator  ", LABEL), Span::styled(self.generator.clone(), style)])
    }

    fn judgement(&self) -> Line<'static> {
        if self.thresholds.is_empty() {
            return Line::default();
        }
        let holding: Vec<&ViewThreshold> = self.thresholds.iter().filter(|each| each.holds).collect();
        let told = match holding.first() {
            None => Span::styled(format!("{} ok", self.thresholds.len()), GOOD),
            Some(first) => {
                let value = first.value.as_ref().map(|value| format!(" ({value})")).unwrap_or_default();
                let text = format!("{} of {} failed: {}{value}", holding.len(), self.thresholds.len(), first.condition);
                Span::styled(text, BAD)
            }
        };
        Line::from(vec![Span::styled("thresholds ", LABEL), told])
    }
}

fn row_line(row: &ViewRow, width: usize) -> Line<'static> {
    let name_width = width.saturating_sub(FIGURES_WIDTH);
    let name = shortened(format!("{} {}", row.method, row.name).trim(), name_width);
    let times: String = row.percentiles_us.iter().map(|us| format!(" {:>8}", time(*us))).collect();
    let failures = format!("{} ({})", grouped(row.failures), share(row.failures, row.requests));
    let blanks = " ".repeat(name_width.saturating_sub(name.chars().count()));
    Line::from(vec![
        Span::raw(format!("{name}{blanks} {:>10} ", grouped(row.requests))),
        Span::styled(format!("{failures:>15}"), if row.failures > 0 { BAD } else { Style::new() }),
        Span::raw(format!(" {:>8}{times}", rate(row.rps))),
    ])
}

fn label(text: &str) -> Span<'static> {
    Span::styled(format!("{text:<8}"), LABEL)
}

fn gauge(share: f64) -> [Span<'static>; 2] {
    let full = (share.clamp(0.0, 1.0) * GAUGE_WIDTH as f64) as usize;
    [Span::styled("█".repeat(full), LINE), Span::styled("░".repeat(GAUGE_WIDTH - full), LABEL)]
}

/// Text of at most so many characters, its end left out if need be; control characters are blanks.
fn shortened(text: &str, width: usize) -> String {
    let clean = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    if text.chars().count() <= width {
        return clean.collect();
    }
    clean.take(width.saturating_sub(1)).chain(['…']).take(width).collect()
}

fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn rate(per_second: f64) -> String {
    if per_second >= 100.0 { grouped(per_second.round() as u64) } else { format!("{per_second:.1}") }
}

fn share(part: u64, whole: u64) -> String {
    format!("{:.1}%", part as f64 * 100.0 / whole.max(1) as f64)
}

fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us}µs"),
        1_000..10_000 => format!("{:.1}ms", us as f64 / 1_000.0),
        10_000..1_000_000 => format!("{}ms", us / 1_000),
        _ => format!("{:.1}s", us as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(view: &View, width: u16) -> Vec<String> {
        let area = Rect::new(0, 0, width, HEIGHT);
        let mut buffer = Buffer::empty(area);
        view.draw(area, &mut buffer);
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..HEIGHT).map(|y| line(y).trim_end().to_owned()).collect()
    }

    fn view() -> View {
        let row = |name: &str, requests, failures| ViewRow {
            method: "GET".into(),
            name: name.into(),
            requests,
            failures,
            rps: 411.6,
            percentiles_us: vec![950, 8_400, 1_250_000],
        };
        View {
            title: "locustfile.py · https://shop.example".into(),
            state: "spawning".into(),
            elapsed_s: 75,
            run_time_s: Some(300),
            users: 40,
            target_users: 1_000,
            requests: 1_234_567,
            failures: 12,
            rps: 823.4,
            failures_per_s: 0.2,
            percentiles_us: vec![950, 8_400, 45_100, 1_250_000],
            series: (0..300).collect(),
            rows: vec![row("/", 1_000_000, 0), row("/a/very/long/name/that/does/not/fit/anywhere", 234_567, 12)],
            names: 2,
            errors: vec![(12, "GET /a: HTTPError('500')\nsecond line".into())],
            error_kinds: 4,
            generator: "kept up, answers wait 0.02 ms, CPU 31%".into(),
            generator_is_limit: false,
            thresholds: vec![
                ViewThreshold { condition: "p95 > 400ms".into(), holds: false, value: Some("8.40 ms".into()) },
                ViewThreshold { condition: "max > 1s".into(), holds: true, value: Some("1.25 s".into()) },
            ],
        }
    }

    #[test]
    fn at_80_columns() {
        let lines = drawn(&view(), 80);
        assert_eq!(
            lines,
            [
                "── locustfile.py · https://shop.example ──────────────────────────── spawning ──",
                "time    1:15 of 5:00 ████░░░░░░░░░░░░   users 40 of 1,000 ░░░░░░░░░░░░░░░░",
                lines[2].as_str(),
                "fails/s 0.2         failures 12 (0.0%)  p50 950µs  p95 8.4ms  p99 45ms  max 1.2s",
                "busiest             requests        failures    req/s      p50      p95      p99",
                "GET /              1,000,000        0 (0.0%)      412    950µs    8.4ms     1.2s",
                "GET /a/very/long…    234,567       12 (0.0%)      412    950µs    8.4ms     1.2s",
                "",
                "",
                "",
                "     12 × GET /a: HTTPError('500') second line (and 3 more)",
                "",
                "generator  kept up, answers wait 0.02 ms, CPU 31%",
                "thresholds 1 of 2 failed: max > 1s (1.25 s)",
            ]
        );
        assert!(lines[2].starts_with("req/s   823         requests 1,234,567    "));
        assert!(lines[2].ends_with('█'), "{}", lines[2]);
    }

    #[test]
    fn a_run_that_has_just_begun() {
        let lines = drawn(&View { state: "running".into(), generator: "kept up".into(), ..View::default() }, 60);
        assert_eq!(lines[1], "time    0:00   users 0");
        assert_eq!(lines[2], "req/s   0.0         requests 0");
        assert_eq!((lines[12].as_str(), lines[13].as_str()), ("generator  kept up", ""));
    }

    #[test]
    fn wide_terminals_show_whole_names() {
        let lines = drawn(&view(), 200);
        assert!(lines[6].starts_with("GET /a/very/long/name/that/does/not/fit/anywhere "));
        assert_eq!(lines[2].chars().count(), 200);
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_outside(width in 1_u16..250, title in "\\PC{0,300}", name in "\\PC{0,300}", big in any::<u64>()) {
            let mut view = view();
            view.title = title;
            view.rows[0].name = name;
            view.rows[0].requests = big;
            view.elapsed_s = big;
            view.users = big;
            let area = Rect::new(3, 2, width, HEIGHT);
            let mut buffer = Buffer::empty(Rect::new(0, 0, width + 6, HEIGHT + 4));
            view.draw(area, &mut buffer);
            for y in 0..HEIGHT + 4 {
                for x in 0..width + 6 {
                    let inside = (3..width + 3).contains(&x) && (2..HEIGHT + 2).contains(&y);
                    prop_assert!(inside || buffer[(x, y)].symbol() == " ");
                }
            }
        }
    }
}
