"""What is listed and what it is worth: series, events, fair values, the past, clock and hours."""
