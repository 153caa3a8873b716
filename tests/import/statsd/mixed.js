{
  graphiteHost: 'graphite.example.com',
  graphite: { legacyNamespace: false, globalSuffix: '', prefixTimer: 'timers' },
  flushInterval: 33.3,
  percentThreshold: [50, 150],
  histogram: [ { metric: 'api', bins: [ 10, 5 ] } ],
  calculatedTimerMetrics: ['upper_90'],
  automaticConfigReload: false,
  dumpMessages: true,
  watch: 1,
}
