{
  prefixStats: require('os').hostname(),
  title: 'on ' + require('os').hostname(),
  graphite: {
    legacyNamespace: false,
    globalPrefix: `${require('os').hostname()}.${require('os').hostname()}`,
    globalSuffix: 'at.' + require('os').hostname().replace(/\./g, '_'),
  },
}
