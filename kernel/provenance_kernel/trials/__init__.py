"""Questions about recorded trials; this part only reads."""
