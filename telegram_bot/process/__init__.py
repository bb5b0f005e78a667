"""The bot role: one active process takes updates in, answers them, and sends the outbox."""
