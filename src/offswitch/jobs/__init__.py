"""The commands as functions: run folders, resume, and the order in which things happen."""
