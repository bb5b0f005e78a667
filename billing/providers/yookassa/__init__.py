"""YooKassa, API v3: https://yookassa.ru/developers/api. Bodies by the official package, calls by our session.

The package's own client is not used: it calls without a time-out, keeps one shop per process, and turns
broken connections into AttributeError.
"""
