"""What the database engines do differently. Only this package names them; `database.Database` uses it."""
