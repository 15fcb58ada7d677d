"""Pruning: removing structures, definitions and files that nobody needs any more.

A *policy* says what is to be kept beyond what is referred to. A *plan* says of every structure whether it is
kept, and why, or goes. What is about to be deleted is *condemned*: written down where whoever makes a new
reference looks. See docs/decisions/0021-pruning.md.
"""
