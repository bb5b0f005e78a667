"""Pages of the back office beside the admin's own."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
