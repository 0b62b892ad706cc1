"""Thousands of calls while everything fails: none is placed twice, none is lost."""
