"""Orders at Polymarket as plans: what would be sent, what it puts at stake, how it is said."""
