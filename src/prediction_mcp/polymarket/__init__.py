"""The beginning of a typed client for Polymarket: how orders are made and signed, and how requests are.

Signing takes the extra ``[polymarket]``, which is loaded when it is first needed. Nothing is sent from here yet.
"""
