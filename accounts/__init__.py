"""Accounts: users and their passwords, who is logged in, tokens for scripts, and the audit log."""
