"""The real tier: a scenario's office as real mail, web pages, APIs, files, processes and signals, in a sandbox."""
