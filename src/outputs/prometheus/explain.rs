//! What the endpoint makes of a series: the rules of the mapping one by one, and the lines of a scrape.

use std::sync::Arc;

use crate::exposition::mapping::{Told, Why};
use crate::exposition::{
    Claim, Cursor, Families, Format, Hidden, Observed, Reader, Reading, Samples, StoreRules,
};
use crate::metric::{Kind, Registry, Resolved};
use crate::plugin::{Asked, Explained, Fate, RuleOutcome, ToldRule};
use crate::time::Stamp;

/// Exposes the series alone, in a store of its own, and tells how that came.
pub(super) fn explain(rules: StoreRules, asked: Asked<'_>) -> Explained {
    let (names, format) = (Arc::new(Registry::new(1)), Format::text(rules.naming.style));
    let (Resolved::Known(id) | Resolved::Overflow(id)) = names.resolve(asked.series.clone());
    let mut store = Families::new(rules, names);
    let rules = store.explain(asked.series).into_iter().map(told).collect();
    let fate = match store.claim(id, Stamp(0), false) {
        Claim::Hidden(Hidden::Dropped) => Fate::Hidden("the rule drops it".to_owned()),
        Claim::Hidden(Hidden::Nameless) => Fate::Hidden("the rule gives it an empty name".to_owned()),
        // A store of its own has no other series.
        Claim::Refused { with, .. } => Fate::Hidden(format!("{with} has its name")),
        Claim::Exposed(claimed) => {
            let value = [asked.value.unwrap_or(0.0)];
            store.update(claimed.slot, reading(asked, &value), Stamp(0), true);
            if claimed.mapped { Fate::Mapped } else { Fate::Unmapped }
        }
    };
    Explained { rules, fate, shown: shown(&mut store, format, asked.value.is_some()) }
}

fn told(told: Told) -> ToldRule {
    let (outcome, why) = match told.why {
        Why::Wins { captured, drops } => {
            let drops = if drops { vec!["action = \"drop\"".to_owned()] } else { Vec::new() };
            (RuleOutcome::Wins, [captured, drops].concat().join(", "))
        }
        Why::Beaten(why) => (RuleOutcome::Beaten, why),
        Why::Misses(why) => (RuleOutcome::Misses, why),
        Why::NotAsked => {
            (RuleOutcome::NotAsked, "a glob matched; regular expressions are asked after".to_owned())
        }
    };
    ToldRule { key: format!("mapping[{}].match", told.rule), pattern: told.pattern, outcome, why }
}

fn reading<'a>(asked: Asked<'_>, value: &'a [f64; 1]) -> Reading<'a> {
    match asked.series.kind {
        Kind::Counter => Reading::Counter { total: value[0] / asked.rate, created: Stamp(0) },
        Kind::Gauge => Reading::Gauge(value[0]),
        Kind::Set => Reading::Gauge(1.0),
        Kind::Timer | Kind::Histogram | Kind::Distribution => Reading::Distribution(Observed {
            samples: Samples::Exact(value),
            weight: 1.0 / asked.rate,
            since: Stamp(0),
            total_sum: value[0] / asked.rate,
            total_weight: 1.0 / asked.rate,
            created: Stamp(0),
        }),
    }
}

/// The lines of a scrape; without their values if those are nobody's.
fn shown(store: &mut Families, format: Format, with_values: bool) -> Vec<String> {
    let (mut page, mut cursor) = (Vec::new(), Some(Cursor::default()));
    while let Some(from) = cursor {
        cursor = store.render(&from, &Reader::plain(format), &mut page, usize::MAX);
    }
    let page = String::from_utf8_lossy(&page);
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((series, _)) if !with_values && !line.starts_with('#') => series.to_owned(),
        _ => line.to_owned(),
    };
    page.lines().map(line).collect()
}
