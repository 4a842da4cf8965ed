"""The student registry (学籍): records, rules and its own database; it does not know the gateway."""
