{ servers: [], port: 8125 }
