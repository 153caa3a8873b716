{ nodes: [
    { host: 'a.example', port: 8125 },
    { port: 8125 },
    { host: 'b.example', port: '8125', adminport: 8126, weight: 2 },
    { host: 'a.example', port: 8125 },
  ],
  address: '::', address_ipv6: true,
  server: './servers/tcp', forkCount: 'auto', checkInterval: 50, resetStats: true, log: { backend: 'syslog' }, wat: 1 }
