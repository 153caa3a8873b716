import sys, random, os
os.environ['DD_EXTERNAL_ENV'] = 'it-false,cn-web,pu-810fe89d'
os.environ['DD_ENV']='prod'; os.environ['DD_SERVICE']='shop'; os.environ['DD_VERSION']='1.2'
random.random = lambda: 0.0
from datadog.dogstatsd.base import DogStatsd
c = DogStatsd('127.0.0.1', int(sys.argv[1]), namespace='shop', constant_tags=['dc:eu'], cardinality='low')
c.increment('orders', 5, tags=['kind:web'])
c.decrement('orders', 2, tags=['kind:web'])
c.increment('visits', 3, sample_rate=0.25)
c.gauge('temperature', 21.5); c.gauge('temperature', -4)
c.histogram('size', 100); c.histogram('size', 250.5)
c.distribution('spread', 7)
c.timing('db', 320)
c.set('users', 'anna'); c.set('users', 'bert'); c.set('users', 'anna')
c.count_with_timestamp('backfill', 9, timestamp=1656581400)
c.gauge_with_timestamp('level', 3, timestamp=1656581400)
c.event('Deploy of caf\u00e9', 'line one\nline two | piped', alert_type='warning', aggregation_key='deploys', source_type_name='ci', date_happened=1700000000, priority='low', tags=['step:2'], hostname='build-1')
c._telemetry_flush_interval = 0
c.service_check('db.up', 2, tags=['role:main'], timestamp=1700000001, hostname='db-1', message='no answer\nm: twice')
c.flush()
c.stop()
