"""What things cost, beside what people have otherwise."""
