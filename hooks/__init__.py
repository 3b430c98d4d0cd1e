"""Integration with pre-commit and Git: thin processes that keep code and weights in step.

They stand on values and readers of mvc, never on its command line. mvc finds them through entry points and
never imports them.
"""
