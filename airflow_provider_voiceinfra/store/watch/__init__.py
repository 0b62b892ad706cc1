"""Waiting for commits: one watcher in each process serves all waits."""
