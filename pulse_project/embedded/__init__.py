"""PostgreSQL, Valkey and Pulse's own processes as children of one `manage.py up`.

`postgres`, `valkey` and what they import read no Django settings: the tests start them before any are loaded.
"""
