-- Take out the rows of the versions that are replaced or retired, within the days that they cover.
DELETE FROM {table}
WHERE {within}
  AND object_id IN (SELECT retired FROM UNNEST(@retired) AS retired);
