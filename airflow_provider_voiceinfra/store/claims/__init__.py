"""Claims, conflicts, recovery and resolutions: what decides whether a POST may be sent."""
