{ graphite: { legacyNamespace: null } }
