{
  prefixStats: 'my stats',
  graphite: { legacyNamespace: false, globalPrefix: 'my stats', prefixTimer: '', prefixGauge: 'g-1', globalSuffix: 'on this' },
  backends: ['./backends/repeater', './backends/console'],
  repeater: [ { host: 'a' } ],
  console: { prettyprint: true },
}
