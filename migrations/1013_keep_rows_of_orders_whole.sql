-- Why: an order's gates, compressed, made its row larger than the 2 kB beyond which PostgreSQL puts values aside. In one piece it takes a quarter less room and is copied on into executions in two thirds of the time.
-- Order: expand
SET lock_timeout = '2s';

-- Two rows fit a page. Rows that are there stay as they are until they are written again.
ALTER TABLE dispatch_orders SET (toast_tuple_target = 4080);
ALTER TABLE dispatch_executions SET (toast_tuple_target = 4080);
