{
  port: 70000, mgmt_port: 99999, graphiteHost: 'a', graphitePort: 'x',
  gaugesMaxTTL: "3", deleteGauges: true,
  percentThreshold: true,
  graphite: { legacyNamespace: false, prefixCounter: null, prefixSet: undefined },
}
