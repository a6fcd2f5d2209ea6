"""REST and WebSocket as Kalshi speaks them."""
