//! Addresses: nobody listens where another does, and no output sends to an input of the same daemon.

use std::net::IpAddr;

use super::plan::Plan;
use crate::config::{Descriptor, Location, Problem, ProblemKind, Problems, Section};
use crate::plugin::{Endpoint, Protocol};

/// Reports addresses that are taken twice and outputs that feed their own daemon.
pub(super) fn check(plan: &Plan, problems: &mut Problems) {
    let mut listening: Vec<(&Section, Endpoint, Location)> = Vec::new();
    let inputs = plan.inputs.iter().map(|input| (&input.section, input.declared.listens()));
    let consumers = plan.consumers().map(|consumer| (&consumer.section, consumer.declared.listens()));
    for (section, endpoints) in inputs.chain(consumers) {
        for (endpoint, at) in placed(section, endpoints) {
            if let Some((other, taken, first)) =
                listening.iter().find(|(_, taken, _)| clash(taken, &endpoint))
            {
                let kind = taken_twice(section, &endpoint, other, taken);
                let problem = Problem::at(at.clone(), kind).with_note(first.clone(), "the first to have it");
                // A section with several paths has one address.
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            listening.push((section, endpoint, at));
        }
    }
    for consumer in plan.consumers() {
        for (endpoint, at) in placed(&consumer.section, consumer.declared.sends_to()) {
            let fed = listening.iter().find(|(_, open, _)| reaches(&endpoint, open));
            if let Some((input, _, there)) = fed {
                let kind = ProblemKind::FeedsItself {
                    section: consumer.name.to_string(),
                    input: input.name.clone(),
                    address: endpoint.shown(),
                };
                problems.push(Problem::at(at, kind).with_note(there.clone(), "it listens here"));
            }
        }
    }
}

/// Endpoints with their places: those that share a key are the elements of a list.
fn placed(section: &Section, endpoints: Vec<Endpoint>) -> Vec<(Endpoint, Location)> {
    let mut seen: Vec<&str> = Vec::new();
    let mut placed = Vec::new();
    for endpoint in endpoints {
        let place = seen.iter().filter(|key| **key == endpoint.key).count();
        seen.push(endpoint.key);
        let at = section.element_at(endpoint.key, &place.to_string());
        placed.push((endpoint, at));
    }
    placed
}

fn taken_twice(section: &Section, endpoint: &Endpoint, other: &Section, taken: &Endpoint) -> ProblemKind {
    let (name, other_name) = (section.name.clone(), other.name.clone());
    match &endpoint.path {
        Some(path) if share_server(endpoint, taken) => {
            ProblemKind::PathTaken { section: name, other: other_name, path: path.clone() }
        }
        _ => {
            let address = endpoint.shown();
            ProblemKind::AddressTaken { section: name, other: other_name, address }
        }
    }
}

/// Whether two listeners cannot both be. Port 0 is another port each time.
fn clash(one: &Endpoint, other: &Endpoint) -> bool {
    match (&one.handed, &other.handed) {
        (None, None) => {}
        // A name may be that of a socket of each kind.
        (Some(one @ Descriptor::Number(_)), Some(other)) => return one == other,
        (descriptor, taken) => return descriptor == taken && one.protocol == other.protocol,
    }
    if one.protocol == Protocol::Unix {
        return other.protocol == Protocol::Unix && one.address.host() == other.address.host();
    }
    let same_place = one.protocol == other.protocol
        && one.address.port() == other.address.port()
        && one.address.port() != 0
        && overlap(one.address.host(), other.address.host());
    same_place && (!share_server(one, other) || one.path == other.path)
}

/// Whether both mount paths on one server, of which there is one an address: everything of a family is another one than a
/// single host.
fn share_server(one: &Endpoint, other: &Endpoint) -> bool {
    let (host, other_host) = (one.address.host(), other.address.host());
    let is_one = is_same(host, other_host)
        || (names_loopback(host) && names_loopback(other_host))
        || (is_any_v4(host) && is_any_v4(other_host));
    one.path.is_some() && other.path.is_some() && is_one
}

/// Everything of IPv4, which no host means too.
fn is_any_v4(host: &str) -> bool {
    host.is_empty() || host == "0.0.0.0"
}

/// Whether what is sent to `target` arrives at `listener`.
fn reaches(target: &Endpoint, listener: &Endpoint) -> bool {
    target.protocol == listener.protocol
        && listener.handed.is_none()
        && target.address.port() == listener.address.port()
        && (is_same(target.address.host(), listener.address.host())
            || (is_own(target.address.host()) && (is_own(listener.address.host()))))
}

/// Whether listeners on both hosts meet: the same, or one of them is everything of its family.
fn overlap(one: &str, other: &str) -> bool {
    let any = |host: &str| host.is_empty() || ip(host).is_some_and(|ip| ip.is_unspecified());
    let family = |host: &str| ip(host).map(|ip| ip.is_ipv4());
    is_same(one, other)
        || ((any(one) || any(other))
            && (family(one).is_none() || family(other).is_none() || family(one) == family(other)))
        || (names_loopback(one) && names_loopback(other))
}

/// Whether both are one host, however it is written.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || ip(one).is_some_and(|one| ip(other) == Some(one))
}

fn names_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1"
}

/// This machine, as far as a name alone can tell.
fn is_own(host: &str) -> bool {
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || ip(host).is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn ip(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
