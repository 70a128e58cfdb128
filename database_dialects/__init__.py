"""The differences between database engines. Only this package names them; `database.Database` uses it."""
