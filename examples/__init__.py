"""Handlers that do visible work on data that ships with Pulse. They import what any app may: `pulse`."""
