{ port: 0125, flushInterval: 010000, graphite: { legacyNamespace: false, globalPrefix: 'b\101' },
  server: './servers/tcp', socket: '/run/s.sock', socket_mod: 0666 }
