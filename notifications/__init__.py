"""What we tell customers: the outbox, kinds of messages, channels, and the one limiter."""
