"""Tests of what works while nobody looks."""
