"""Tests of the receiver: what it takes, refuses and keeps."""
