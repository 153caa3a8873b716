"""Serves graphite-web on the loopback. Arguments: carbon's folder, the port."""
import os
import socketserver
import sys
import types
import wsgiref.simple_server

root, port = sys.argv[1], int(sys.argv[2])
settings = types.ModuleType("own_settings")
settings.__dict__.update(
    SECRET_KEY="of a test", ALLOWED_HOSTS=["*"], CONF_DIR=root, STORAGE_DIR=root, CARBONLINK_HOSTS=[],
    WHISPER_DIR=os.path.join(root, "whisper/"), LOG_DIR=os.path.join(root, "log"), FIND_CACHE_DURATION=0,
    TAGDB_CACHE_DURATION=0, USE_WORKER_POOL=False,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(root, "index.sqlite3"),
                           "OPTIONS": {"timeout": 20}}},
)
sys.modules["own_settings"] = settings
os.environ.update(DJANGO_SETTINGS_MODULE="graphite.settings", GRAPHITE_SETTINGS_MODULE="own_settings")
for folder in (settings.WHISPER_DIR, settings.LOG_DIR):
    os.makedirs(folder, exist_ok=True)

import django
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

django.setup()
call_command("migrate", run_syncdb=True, verbosity=0)


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


wsgiref.simple_server.make_server("127.0.0.1", port, get_wsgi_application(), Server, Quiet).serve_forever()
