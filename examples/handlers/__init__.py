"""Pulse looks for the module `handlers` in every installed app; importing this one registers the three examples."""

from examples.handlers import csv_import, index_folder, revenue_report

__all__ = ["csv_import", "index_folder", "revenue_report"]
