"""Accounts: users and their passwords, login sessions, API tokens, limits of failed logins, and the audit log.

`account_manager.AccountManager` is the interface for other packages; records.py holds the values that it returns.

store.py            users, login sessions and tokens in the database
passwords.py        rules for new passwords, and their hashes
login_limits.py     limits of failed logins
failures.py         the count of failed logins of one process, in memory
shared_failures.py  the count of all nodes, in the database
audit.py            the audit log
commands.py         `flask --app app users ...`
"""
