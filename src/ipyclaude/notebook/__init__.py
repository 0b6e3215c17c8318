"""The notebook lent to Claude: its tools (lending.py), and what goes along with a prompt.

Importing this costs nothing: `%load_ext` begins to record cells (S8).
"""
