"""Bundles: everything that one course consists of, as one file. The form is in docs/spec/bundle-1.md.

``sections`` are sealed pieces of bytes, ``contents`` what is in them, ``order`` which may follow which.
Reading and writing the file is done elsewhere.
"""
