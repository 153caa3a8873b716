//! A stand-in for carbon where it would be too slow: it keeps every point it is sent, as carbon would.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::carbon::Points;

/// A listener for Graphite's lines. It ends with the process.
pub(crate) struct Sink {
    /// Its port.
    pub(crate) port: u16,
    points: Arc<Mutex<BTreeMap<String, Points>>>,
}

impl Sink {
    pub(crate) fn start() -> Sink {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let points = Arc::<Mutex<_>>::default();
        let kept = Arc::clone(&points);
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let kept = Arc::clone(&kept);
                thread::spawn(move || take(stream, &kept));
            }
        });
        Sink { port, points }
    }

    /// What it was sent so far, by name: the stamp in seconds, the value.
    pub(crate) fn points(&self) -> MutexGuard<'_, BTreeMap<String, Points>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sum of the points of a name.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.points().get(name).map_or(0.0, |points| points.iter().map(|(_, value)| value).sum())
    }
}

fn take(stream: TcpStream, kept: &Mutex<BTreeMap<String, Points>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        // What was cut off within a line is no line.
        if let Some(whole) = line.strip_suffix('\n') {
            let mut parts = whole.split(' ');
            let mut part = || parts.next().unwrap_or_else(|| panic!("a part is missing in {whole:?}"));
            let (name, value, stamp) = (part(), part(), part());
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number in {whole:?}"));
            let stamp: u64 = stamp.parse().unwrap_or_else(|_| panic!("no stamp in {whole:?}"));
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let points = kept.entry(name.to_owned()).or_default();
            // The same stamp again replaces the point, as it does in whisper.
            match points.iter_mut().find(|(at, _)| *at == stamp) {
                Some(point) => point.1 = value,
                None => points.push((stamp, value)),
            }
        }
        line.clear();
    }
}
