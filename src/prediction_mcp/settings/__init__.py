"""All settings, by subject; every environment variable the server reads is named in here and in .env.example."""

from .whole import Settings, SettingsError, load_settings, secret_names

__all__ = ["Settings", "SettingsError", "load_settings", "secret_names"]
