"""Read by Django through FORMAT_MODULE_PATH; what is not named here stays Django's."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"
SHORT_DATE_FORMAT = "j M y"
SHORT_DATETIME_FORMAT = "j M y, H:i"
