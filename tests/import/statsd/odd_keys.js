{ '': 1, "port": 8125, graphite: { '': 2 } }
