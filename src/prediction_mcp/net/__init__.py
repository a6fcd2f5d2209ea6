"""What the clients of all platforms share: the base of their errors, the words for sides, token buckets."""
