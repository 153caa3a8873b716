{
  server: './servers/tcp',
  socket: '/run/statsd.sock',
  mgmt_address: '127.0.0.1',
}
