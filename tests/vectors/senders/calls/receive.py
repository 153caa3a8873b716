import socket,sys,time
# usage: recv.py OUT PORTFILE SECONDS "provenance"
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('127.0.0.1',0)); s.settimeout(0.3)
open(sys.argv[2],'w').write(str(s.getsockname()[1]))
got=[]; end=time.time()+float(sys.argv[3])
while time.time()<end:
    try: got.append(s.recv(65535))
    except socket.timeout: continue
with open(sys.argv[1],'wb') as f:
    f.write(b'# '+sys.argv[4].encode()+b'\n')
    for d in got: f.write(b'%d\n%s\n'%(len(d),d))
