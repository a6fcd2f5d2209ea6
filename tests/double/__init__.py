"""A Kalshi of another make, written from the recordings alone: it imports nothing of the project but tests.facts.

The paper exchange shares its authors' assumptions with the client; this one doesn't. Like production it has cash
on several shards, numbers on ``ok``, nulls and unquoted zeros; and it answers slowly, or breaks off in the middle.
"""
