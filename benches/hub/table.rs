//! The one table a bench run prints.

use std::fmt;

/// Rows of figures, each as minimum, median and maximum.
#[derive(Default)]
pub(crate) struct Table(Vec<(String, String, String)>);

impl Table {
    pub(crate) fn row(&mut self, what: &str, figures: &[f64], goal: &str) {
        let of = |q| format_figure(quantile(figures, q));
        let text = format!("{:>10} {:>10} {:>10}", of(0.0), of(0.5), of(1.0));
        eprintln!("{what}: {text}");
        self.0.push((what.to_owned(), text, goal.to_owned()));
    }

    pub(crate) fn one(&mut self, what: &str, figure: f64, goal: &str) {
        let text = format!("{:>10} {:>10} {:>10}", "", format_figure(figure), "");
        eprintln!("{what}: {}", text.trim());
        self.0.push((what.to_owned(), text, goal.to_owned()));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.0.iter().map(|r| r.0.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:wide$} {:>10} {:>10} {:>10}  goal", "", "min", "median", "max")?;
        self.0.iter().try_for_each(|(what, figures, goal)| writeln!(f, "{what:wide$} {figures}  {goal}"))
    }
}

/// The `q` quantile of `figures` by nearest rank; not-a-number when there are none.
pub(crate) fn quantile(figures: &[f64], q: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn format_figure(figure: f64) -> String {
    match figure.abs() {
        f if f >= 1000.0 => format!("{figure:.0}"),
        f if f >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.3}"),
    }
}
