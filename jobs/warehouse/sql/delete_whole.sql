-- Take out whole partitions, of which nothing stays. The predicate names nothing but them, so that it costs nothing.
DELETE FROM {table}
WHERE {whole};
