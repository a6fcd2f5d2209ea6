"""What is watched, and what came."""
