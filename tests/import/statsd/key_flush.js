{ backends: [], keyFlush: { interval: 60000, percent: 200, log: 'keys.log' } }
