"""Accounts: users and their passwords, login sessions, API tokens, limits of failed logins, and the audit log."""
