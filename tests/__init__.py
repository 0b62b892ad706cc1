"""What the package promises, tried with real parts."""
