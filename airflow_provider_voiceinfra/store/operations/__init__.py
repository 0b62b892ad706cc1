"""What operators do with a call store: retention, renamed connections and hosts."""
