"""Pruning: what is kept is surveyed, a plan is made of it, and applied."""
