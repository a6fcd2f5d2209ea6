"""What stands between a language model and money."""
