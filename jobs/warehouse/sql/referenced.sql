-- The rows that a foreign key may lead to.
SELECT {columns} FROM {table}
