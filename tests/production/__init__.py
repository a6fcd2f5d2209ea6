"""The client and the paper exchange against what production was recorded to answer."""
