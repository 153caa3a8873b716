{ nodes: [{ host: process.env.A, port: process.env.A_PORT || 8127, adminport: process.env.PORT },
          { host: 'b.example', port: process.env.B_PORT }],
  host: process.env.HOST, port: process.env.PORT, checkInterval: process.env.CHECK || 1000 }
