"""What is listed, found and said of it."""
