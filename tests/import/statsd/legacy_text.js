{ graphite: { legacyNamespace: "false", globalPrefix: 'x', prefixCounter: 'y', globalSuffix: 'z' } }
