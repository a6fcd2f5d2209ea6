"""Alerts: conditions that a person wants to hear of."""
