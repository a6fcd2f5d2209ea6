"""Whether two markets of two platforms are the same contract: facts read from texts, compared one by one. No I/O."""
