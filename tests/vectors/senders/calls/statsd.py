import sys, random, time
random.random = lambda: 0.0
import statsd
c = statsd.StatsClient('127.0.0.1', int(sys.argv[1]), prefix='shop')
c.incr('orders'); c.incr('orders', 4); c.decr('orders', 2)
c.incr('visits', 3, rate=0.25)
c.gauge('queue', 12); c.gauge('queue', 3, delta=True); c.gauge('queue', -5, delta=True)
c.gauge('temperature', -4)
c.timing('db', 320); c.timing('db', 0.5); c.timing('db', 12.25, rate=0.5)
c.set('users', 'anna'); c.set('users', 'bert'); c.set('users', 'anna')
with c.pipeline() as pipe:
    pipe.incr('piped', 7); pipe.gauge('depth', 2.5); pipe.timing('pipe', 10)
