"""The triggers: they wait for calls without a worker, with one shared watcher per process."""
