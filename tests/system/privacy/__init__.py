"""The privacy canary: marked values, and where they are looked for."""
