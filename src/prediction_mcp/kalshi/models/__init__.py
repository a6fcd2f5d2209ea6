"""Kalshi's answers as pydantic models, a file per group. Import from the file that defines the model."""
