"""Model-compression operations (shed, prune, quantize, factor, heal), their recipes and guards.

They stand on mvc's public API alone. mvc finds them through entry points and never imports them.
"""
