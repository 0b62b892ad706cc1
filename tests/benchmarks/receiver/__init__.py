"""How many webhooks the receiver takes, compared with a bare route, and whether it loses any."""
