"""How the exchange is spoken to."""
