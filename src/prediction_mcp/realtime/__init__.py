"""What a session watches: subscriptions, the latest of each market, and what reaches the conversation by itself."""
