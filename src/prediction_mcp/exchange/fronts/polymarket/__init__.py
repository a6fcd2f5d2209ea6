"""Polymarket's services as the paper exchange speaks them: Gamma, CLOB, Data API, and the feeds."""
