"""Thousands of calls while everything breaks: none is placed twice, none is lost."""
