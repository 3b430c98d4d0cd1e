"""Integration with pre-commit and Git: thin processes that keep code and weights in step.

They stand on mvc's public API alone. mvc finds them through entry points and never imports them.
"""
