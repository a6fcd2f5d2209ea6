"""Orders: checked, previewed, planned, sent, ended."""
