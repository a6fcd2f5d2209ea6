"""Work across platforms: one question, every price, and what differs in the small print."""
