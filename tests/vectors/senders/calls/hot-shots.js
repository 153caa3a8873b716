const { StatsD } = require('hot-shots');
Math.random = () => 0.0;
const port = parseInt(process.argv[2]);
const telegraf = process.argv[3] === 'telegraf';
const c = new StatsD({ host: '127.0.0.1', port, prefix: 'shop.', globalTags: { dc: 'eu' }, telegraf, includeDatadogTelemetry: false });
c.increment('orders', 5, { kind: 'web' });
c.decrement('orders', 2, { kind: 'web' });
c.increment('visits', 3, 0.25);
c.gauge('temperature', 21.5); c.gauge('temperature', -4);
c.gaugeDelta && c.gaugeDelta('moved', 3);
c.histogram('size', 100); c.histogram('size', 250.5);
if (!telegraf) c.distribution('spread', 7);
c.timing('db', 320);
c.timing(['db', 'net'], 5);
c.set('users', 'anna'); c.set('users', 'bert'); c.set('users', 'anna');
c.unique('users', 'carl');
if (!telegraf) {
  c.event('Deploy of café', 'line one\nline two | piped', { alert_type: 'warning', aggregation_key: 'deploys', source_type_name: 'ci', date_happened: new Date(1700000000000), priority: 'low', hostname: 'build-1' }, ['step:2']);
  c.event('Deploy done', '', { alert_type: 'success' });
  c.check('db.up', c.CHECKS.CRITICAL, { date_happened: new Date(1700000001000), hostname: 'db-1', message: 'no answer' }, ['role:main']);
}
setTimeout(() => c.close(() => {}), 300);
