"""The least that the command needs: a database for the application's own table. The ledger is apart from it."""

from pathlib import Path

INSTALLED_APPS = ["refunds"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).with_name("shop.sqlite3")}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "unused: no page is served"
USE_TZ = True
