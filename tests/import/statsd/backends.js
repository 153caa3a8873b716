{
  backends: ['./backends/console', './backends/repeater'],
  flush_counts: true,
  console: { prettyprint: false },
  repeater: [{ host: '10.8.3.214', port: 8125 }, { host: '10.8.3.215', port: 8125 }],
  repeaterProtocol: 'tcp',
  keyFlush: { interval: 10000, percent: 10, log: '/var/log/statsd/keys.log' },
}
