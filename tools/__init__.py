"""What is done by hand now and then; each file says when."""
