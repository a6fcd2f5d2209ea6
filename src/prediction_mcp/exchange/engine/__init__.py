"""Matching, ledger, collateral, groups, negotiation: every rule between a request and the book. Pure."""
