"""The web role: a WSGI server calls `application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vpnservice.settings")
application = get_wsgi_application()
