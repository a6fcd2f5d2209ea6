"""Tests of money, status and orders on several shards of the exchange."""
