"""The blocking half of the SQLite backend: schema, connections, transactions, and each port's statements."""
