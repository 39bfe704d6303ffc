"""What the handlers promise to keep within, for those who check it."""

AT_ONCE = 2  # jobs of chaos.limited
AT_ONCE_PER_KEY = 1  # jobs of chaos.keyed with one key
