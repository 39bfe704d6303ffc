"""Work for real workers in tests: an app with handlers and plain Celery tasks (PULSE_EXTRA_APPS=tests.workload)."""
