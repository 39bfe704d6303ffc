"""Everything is killed at random while jobs run: afterwards nothing was lost, doubled or left behind.

Also an app whose handlers keep their own record of what ran (PULSE_EXTRA_APPS=tests.chaos).
"""
