"""Django's sessions and users over SQLite, in one file: `BYTES=… gunicorn app:application`. Debugging and logging are off."""

import os

import django
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    SECRET_KEY="a secret of the measurement",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db", "CONN_MAX_AGE": None}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    LOGGING_CONFIG=None,
)
django.setup()
BODY = ('"' + "x" * (int(os.environ["BYTES"]) - 2) + '"').encode()


@csrf_exempt
def log_in(request):
    user, _ = get_user_model().objects.get_or_create(username="bench")
    login(request, user)
    return HttpResponse(status=204)


def me(request):
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return HttpResponse(BODY, content_type="application/json")


urlpatterns = [path("login", log_in), path("v1/me", me)]
call_command("migrate", verbosity=0)
application = get_wsgi_application()
