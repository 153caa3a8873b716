//! The plugin types this program comes with.

use crate::plugin::Plugins;
use crate::{decoders, encoders, filters, inputs, outputs, splitters};

/// Registers plugin types: one word each.
macro_rules! plugins {
    ($plugins:expr; $( $folder:ident $register:ident: $($file:ident),+ );+ $(;)?) => {
        $plugins $( $( .$register::<$folder::$file::Config>() )+ )+
    };
}

/// All of them.
pub fn builtin() -> Plugins {
    plugins! { Plugins::none();
        inputs input: logstreamer, own_metrics, statsd, tcp, udp;
        splitters splitter: heka_framing, null, pattern_grouping, regex, token;
        decoders decoder: json, multi, nginx_access, payload_regex, protobuf, stats_to_fields, statsd;
        filters filter: counter, key_flush, stat, stat_accum, threshold;
        encoders encoder: payload, protobuf, rst;
        outputs output: carbon, console, dashboard, file, log, null, prometheus, statsd, statsd_admin, tcp, udp;
        outputs output: carbon, console, dashboard, file, http, log, null, prometheus, statsd, statsd_admin;
    }
}
