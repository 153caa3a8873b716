import sys
def app(environ, start_response):
    start_response('404 Not Found' if environ['PATH_INFO']=='/no' else '200 OK', [('Content-Type','text/plain'),('Content-Length','2')])
    return [b'ok']
