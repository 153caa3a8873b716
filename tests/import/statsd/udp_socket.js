{
  servers: [
    { port: 18777, socket: '/run/s.sock', socket_mod: 0o666 },
    { server: './servers/tcp', socket: '/run/t.sock', port: 5 },
    { server: './servers/tcp', port: 5, socket: '', socket_mod: 0o600 },
  ],
}
