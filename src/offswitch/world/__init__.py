"""The simulated office: people, mail, files, operations, a clock, and an append-only event log."""
