-- The keys that a foreign key may lead to.
SELECT DISTINCT {column} FROM {table}
