"""Messages that leave this machine: channels, the outbox, wording."""
