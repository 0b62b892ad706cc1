"""What the receiver takes beside a bare route, and whether it loses anything."""
