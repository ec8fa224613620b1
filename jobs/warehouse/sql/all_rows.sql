-- What a table or view has now.
SELECT {columns}
FROM {table}
