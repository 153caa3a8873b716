{ graphiteHost: 'a',
  port: process.env.PORT ? 1 : 2 }
