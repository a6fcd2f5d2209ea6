"""Toolset ``advanced``: batches, order groups, quotes asked for and given, what stands around markets, the raw feed."""
