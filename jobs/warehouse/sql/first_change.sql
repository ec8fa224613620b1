-- When the first of some tables changed first after a time: when it first published objects since, or where it has only
-- let go of some, when it last changed.
SELECT MIN(changed_at) AS changed_at
FROM (
  SELECT head.table_name, IFNULL(MIN(brought.published_at), MIN(head.changed_at)) AS changed_at
  FROM etl_head AS head
  LEFT JOIN (
    SELECT table_name, MIN(published_at) AS published_at
    FROM etl_checkpoint
    WHERE published_at > @after
    GROUP BY table_name
  ) AS brought
    ON brought.table_name = head.table_name
  WHERE head.table_name IN (SELECT input FROM UNNEST(@tables) AS input) AND head.changed_at > @after
  GROUP BY head.table_name
) AS changed
