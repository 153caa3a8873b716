{ graphite: { legacyNamespace: 1 } }
