import sys, datetime, os
from heka.config import client_from_dict_config
port=int(sys.argv[1])
conf={'logger':'heka-py','severity':6,
 'stream':{'class':'heka.streams.TcpStream','host':'127.0.0.1','port':port},
 'encoder':'heka.encoders.ProtobufEncoder'}
if len(sys.argv)>2:
    conf['hmac']={'signer':'ops','key_version':1,'hash_function':sys.argv[2],'key':'secret'}
c=client_from_dict_config(conf)
c.heka('captured', logger='shop', severity=3, payload='caf\xc3\xa9'.decode('utf8'), fields={'text':'value','count':7,'seconds':0.25,'ok':True}, timestamp=1480467723)
c.incr('orders', 3)
c.timer_send('db', 12)
c.error('it failed')
