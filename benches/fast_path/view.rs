//! What the live view costs where very many series move, alone and with who looks at it.

use std::time::Duration;

use crate::cpu::{cost_of, median};
use crate::lane::{Lane, Load};

/// Prints the CPU time of a second's view of 100,000 series that all moved, as a share of a core: unless somebody wants
/// it, alone, and with each output that takes it. Flushes are left out.
pub(crate) fn print_share() {
    let load = Load { names: SERIES, ..Load::PLAIN };
    let datagrams = load.every_name(1);
    println!("view: of {SERIES} series that move every second");
    for (name, output) in WHO {
        let mut lane = Lane::new(&format!("{ALL}{output}"));
        let mut seconds = Vec::new();
        for second in 1..=SECONDS {
            datagrams.chunks(BATCH).for_each(|batch| lane.push(batch));
            let (cost, ()) = cost_of(|| lane.end_interval(Duration::from_secs(1)));
            // A flush ends the interval as well; the first interval names everything for the first time.
            if second > INTERVAL && second % INTERVAL != 0 {
                seconds.push(cost.as_secs_f64());
            }
        }
        let second = median(seconds);
        println!("view: {name:<28} {:>6.2} ms a second, {:.2} % of a core", second * 1e3, second * 100.0);
    }
}

const ALL: &str = "[StatsdInput]\n[StatAccumFilter]\n";
const WHO: [(&str, &str); 5] = [
    ("wanted by nobody", ""),
    ("alone", "[NullOutput]\nmessage_matcher = \"Type == 'heka.statlive'\"\n"),
    ("and PrometheusOutput", "[PrometheusOutput]\n"),
    ("and DashboardOutput", "[DashboardOutput]\n"),
    ("and both", "[PrometheusOutput]\n[DashboardOutput]\n"),
];

const SERIES: u64 = 100_000;
/// Datagrams that a lane takes at once.
const BATCH: usize = 27;
/// Of a flush.
const INTERVAL: u64 = 10;
const SECONDS: u64 = 40;
