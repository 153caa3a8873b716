{
  servers: [
    { port: 1 },
    { port: 2, address_ipv6: true },
    { port: 3, address_ipv6: true, address: '::' },
    { port: 4, address_ipv6: false },
    { server: './servers/tcp', port: 5, address_ipv6: true },
    { server: './servers/tcp', port: 6, address: '0.0.0.0' },
    { server: './servers/tcp', port: 7, address: process.env.ADDRESS },
  ],
}
