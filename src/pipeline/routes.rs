//! Who meets whom: joints, the order of filters, and circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::plan::{Plan, PlannedConsumer, Producer};
use crate::config::{Location, Problem, ProblemKind, Problems};
use crate::flow::{BodyKind, OnFull, Patience, SERIES_FIELDS};
use crate::matcher::{Fact, Facts, Plan as Asked};
use crate::router::{JointKind, join};

/// A line of `hekad check --routes`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedJoint {
    /// Who sends.
    pub producer: Arc<str>,
    /// Who consumes.
    pub consumer: Arc<str>,
    /// `yes`, `series` or `maybe`.
    pub kind: &'static str,
    /// `queue` or `lane`.
    pub way: &'static str,
    /// What a full queue does; a lane is never full.
    pub on_full: String,
}

impl fmt::Display for PlannedJoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlannedJoint { producer, consumer, kind, way, on_full } = self;
        write!(f, "{producer} -> {consumer}  {kind} {way} {on_full}")
    }
}

/// All joints of a plan; reports consumers that nothing reaches or that refuse what does, and queues that must not block.
pub(super) fn joints(plan: &Plan, problems: &mut Problems) -> Vec<PlannedJoint> {
    let mut joints = BTreeSet::new();
    for consumer in plan.consumers().filter(|consumer| consumer.declared.takes_records()) {
        let mut reached = false;
        let (mut refused, mut wasted) = (BTreeSet::new(), BTreeSet::new());
        for Producer { name: producer, declared, emits, patience, .. } in plan.producers() {
            for facts in emits {
                let looping = consumer.loops.contains(producer);
                let when_full = consumer.options.on_full;
                let Some(joint) = join(&consumer.matcher, facts, patience, when_full, looping) else {
                    continue;
                };
                reached = true;
                if joint.on_full == OnFull::Block && patience == Patience::Cannot {
                    refused.insert(Arc::clone(producer));
                }
                let body = declared.body_of(facts);
                // A record whose type is open may also be one that is not asked for.
                let is_meant = joint.kind != JointKind::Maybe || matches!(facts.type_, Fact::Is(_));
                if is_meant && !consumer.declared.takes().contains(&body) {
                    wasted.insert((producer, body));
                }
                joints.insert(planned(producer, consumer, joint.kind, joint.on_full));
            }
        }
        refused.into_iter().for_each(|producer| problems.push(cannot_block(consumer, &producer)));
        wasted.into_iter().for_each(|(producer, body)| problems.push(cannot_take(consumer, producer, body)));
        let is_of_use = consumer.declared.tells_of_itself() && !consumer.section.has("message_matcher");
        if !reached
            && !is_of_use
            && problems.iter().all(|problem| problem.severity() != crate::config::Severity::Error)
        {
            let kind = ProblemKind::NeverMatches { section: consumer.name.to_string() };
            problems.push(Problem::at(matcher_at(consumer), kind));
        }
    }
    joints.into_iter().collect()
}

fn planned(
    producer: &Arc<str>,
    consumer: &PlannedConsumer,
    kind: JointKind,
    on_full: OnFull,
) -> PlannedJoint {
    let lane = consumer.declared.offers_inlet();
    PlannedJoint {
        producer: Arc::clone(producer),
        consumer: Arc::clone(&consumer.name),
        kind: kind.word(),
        way: if lane { "lane" } else { "queue" },
        on_full: if lane { "-".to_owned() } else { on_full.to_string() },
    }
}

/// Where its matcher stands, or the section that has none.
fn matcher_at(consumer: &PlannedConsumer) -> Location {
    match consumer.section.has("message_matcher") {
        true => consumer.section.value_at("message_matcher"),
        false => consumer.section.name_at.clone(),
    }
}

fn cannot_take(consumer: &PlannedConsumer, producer: &Arc<str>, body: BodyKind) -> Problem {
    let takes: Vec<&str> = consumer.declared.takes().iter().map(|body| body.word()).collect();
    let kind = ProblemKind::CannotTake {
        section: consumer.name.to_string(),
        producer: producer.to_string(),
        sent: body.word(),
        takes: takes.join(" and "),
        matcher: consumer.declared.default_matcher(),
    };
    Problem::at(matcher_at(consumer), kind)
}

fn cannot_block(consumer: &PlannedConsumer, producer: &Arc<str>) -> Problem {
    let (section, producer) = (consumer.name.to_string(), producer.to_string());
    consumer.section.problem_at("on_full", ProblemKind::CannotBlock { section, producer })
}

/// Puts each filter after those it gets records from, and notes which edges close a circle: nobody waits there.
///
/// A circle in which every record goes round for certain is a mistake.
pub(super) fn order(filters: &mut Vec<PlannedConsumer>, problems: &mut Problems) {
    let edges = edges(filters);
    let mut walk = Walk {
        edges: &edges,
        state: vec![State::New; filters.len()],
        path: Vec::new(),
        done: Vec::new(),
        back: Vec::new(),
    };
    (0..filters.len()).for_each(|filter| walk.visit(filter));
    let Walk { done, back, .. } = walk;
    for circle in back {
        let certain = circle.windows(2).all(|pair| edges[pair[0]].get(&pair[1]) == Some(&true));
        let names: Vec<String> = circle.iter().map(|&filter| filters[filter].name.to_string()).collect();
        let (from, to) = (circle[circle.len() - 2], circle[circle.len() - 1]);
        if certain {
            let at = filters[to].section.value_at("message_matcher");
            problems.push(Problem::at(at, ProblemKind::Cycle { path: names }));
        }
        let producer = Arc::clone(&filters[from].name);
        filters[to].loops.insert(producer);
    }
    let mut rank = vec![0; filters.len()];
    done.into_iter().rev().enumerate().for_each(|(place, filter)| rank[filter] = place);
    let mut ranked: Vec<(usize, PlannedConsumer)> = rank.into_iter().zip(filters.drain(..)).collect();
    ranked.sort_by_key(|(place, _)| *place);
    filters.extend(ranked.into_iter().map(|(_, filter)| filter));
}

/// For each filter whom it may feed, and whether that is certain.
fn edges(filters: &[PlannedConsumer]) -> Vec<BTreeMap<usize, bool>> {
    let certain =
        |consumer: &PlannedConsumer, facts: &Facts| match consumer.matcher.plan(facts, SERIES_FIELDS) {
            Asked::No => None,
            Asked::Yes => Some(true),
            Asked::Series | Asked::Maybe => Some(false),
        };
    let targets = |emits: &[Facts]| {
        let target =
            |(index, consumer)| Some((index, emits.iter().filter_map(|f| certain(consumer, f)).max()?));
        filters.iter().enumerate().filter_map(target).collect()
    };
    filters.iter().map(|filter| targets(&filter.emits)).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

struct Walk<'a> {
    edges: &'a [BTreeMap<usize, bool>],
    state: Vec<State>,
    path: Vec<usize>,
    done: Vec<usize>,
    /// Circles, each beginning and ending with the same filter.
    back: Vec<Vec<usize>>,
}

impl Walk<'_> {
    fn visit(&mut self, filter: usize) {
        if self.state[filter] != State::New {
            return;
        }
        self.state[filter] = State::Open;
        self.path.push(filter);
        for &next in self.edges[filter].keys() {
            if self.state[next] == State::Open {
                let start =
                    self.path.iter().position(|&open| open == next).expect("an open filter is on the path");
                let mut circle = self.path[start..].to_vec();
                circle.push(next);
                self.back.push(circle);
            } else {
                self.visit(next);
            }
        }
        self.path.pop();
        self.state[filter] = State::Done;
        self.done.push(filter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::WhenFull;

    #[test]
    fn auto_blocks_who_can_wait_and_drops_what_others_send() {
        assert_eq!(WhenFull::Auto.resolve(Patience::Waits, false), OnFull::Block);
        assert_eq!(WhenFull::Auto.resolve(Patience::Cannot, false), OnFull::Drop);
        assert_eq!(WhenFull::Block.resolve(Patience::Waits, true), OnFull::DropInLoop);
        assert_eq!(WhenFull::Shutdown.resolve(Patience::Waits, true), OnFull::Shutdown);
    }
}
