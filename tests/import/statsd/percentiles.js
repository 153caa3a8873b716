{ backends: [], percentThreshold: [90, 99.9], calculatedTimerMetrics: ['mean', 'upper_percent'] }
