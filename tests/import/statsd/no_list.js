{
  servers: { port: 5 },
  port: 6,
  backends: ['./backends/repeater'],
  repeater: { host: 'a', port: 1 },
  repeaterProtocol: 'tcp',
}
