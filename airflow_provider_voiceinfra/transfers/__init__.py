"""The transfer, which writes the results of calls to a warehouse."""
