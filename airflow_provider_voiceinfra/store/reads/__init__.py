"""Finding and paging calls, for people."""
