"""Tests in which workers die, answers are lost and parts go away."""
